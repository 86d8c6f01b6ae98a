//! Every key of the policy flips a verdict by itself.

use std::collections::{BTreeMap, BTreeSet};

use super::golden::contents::{CHART, SIGNATURE, chart, signature};
use super::golden::vulnerability_policy::{advisory, exception};
use super::golden::*;
use super::images::{alone, attestation, child, digest, index, platform, runnable};
use super::sekisho::oci::{MediaType, RegistryHost};
use super::sekisho::report::Severity;
use super::sekisho::trust::{
    Effect, Evidence, Exposure, ExposureRule, Mode, PlatformImage, Requirement, SecretsPolicy,
    Settings, TimedEvidence,
};

/// A case, and the one key whose change turns its verdict round.
struct Flip {
    key: &'static str,
    before: Case,
    after: Case,
}

fn flip(key: &'static str, case: impl FnOnce(&mut Case), change: impl FnOnce(&mut Case)) -> Flip {
    let mut before = good();
    case(&mut before);
    let mut after = before.clone();
    change(&mut after);
    Flip { key, before, after }
}

fn severe(severity: Severity) -> impl FnOnce(&mut Case) {
    move |case| case.rescan(|scan| *scan = found(severity, scan.clone()))
}

fn aged(case: &mut Case) {
    case.rescan(|scan| {
        scan.scanned_at = now() - days(31);
        scan.database_at = Some(now() - days(31));
    });
}

fn served(case: &mut Case) {
    case.evidence.first_served = Some(now() - days(20));
}

fn bare(case: &mut Case) {
    case.evidence = Evidence::none(case.evidence.closure.clone());
}

/// One flip for each key of `Settings`, under the key's own name. `promoted_tags`
/// has none: it chooses the digest that is judged, before judgement.
fn settings() -> Vec<Flip> {
    vec![
        flip("mode", bare, |c| c.settings().mode = Mode::Audit),
        flip(
            "upstreams",
            |_| {},
            |c| {
                c.settings().upstreams = vec![RegistryHost::parse("docker.io").unwrap()];
            },
        ),
        flip(
            "require",
            |c| c.evidence.promotions.clear(),
            |c| {
                c.settings().require = vec![Requirement::Scan];
            },
        ),
        flip(
            "require",
            |c| c.evidence.scans.clear(),
            |c| {
                c.settings().require = vec![Requirement::Promotion];
            },
        ),
        flip("ceilings.external", severe(Severity::Medium), |c| {
            c.settings().ceilings.external = Severity::Medium;
        }),
        flip(
            "ceilings.internal",
            |c| {
                severe(Severity::Critical)(c);
                c.exposure = Exposure::Internal;
            },
            |c| c.settings().ceilings.internal = Severity::Critical,
        ),
        flip(
            "unknown_severity",
            |c| c.rescan(|scan| scan.findings = vec![finding(None)]),
            |c| {
                c.settings().unknown_severity = Severity::Low;
            },
        ),
        flip(
            "secrets",
            |c| c.rescan(|scan| scan.secrets = 1),
            |c| c.settings().secrets = SecretsPolicy::Deny,
        ),
        flip(
            "platforms",
            |_| {},
            |c| c.settings().platforms = vec![platform("linux/arm64")],
        ),
        flip("max_report_age", aged, |c| {
            c.settings().max_report_age = days(32)
        }),
        flip(
            "max_database_age",
            |c| {
                c.rescan(|scan| scan.database_at = Some(now() - days(9)));
            },
            |c| c.settings().max_database_age = days(9),
        ),
        flip(
            "require_database_date",
            |c| c.rescan(|scan| scan.database_at = None),
            |c| {
                c.settings().require_database_date = true;
            },
        ),
        flip(
            "allow_end_of_life",
            |c| c.rescan(|scan| scan.end_of_life = true),
            |c| {
                c.settings().allow_end_of_life = true;
            },
        ),
        flip(
            "grace_for_admitted",
            |c| {
                aged(c);
                served(c);
            },
            |c| c.settings().grace_for_admitted = days(0),
        ),
        flip(
            "grace_for_worse",
            |c| {
                severe(Severity::High)(c);
                served(c);
            },
            |c| c.settings().grace_for_worse = days(1),
        ),
        flip(
            "min_age",
            |c| c.evidence.first_seen = Some(ago(1)),
            |c| c.settings().min_age = days(1),
        ),
        flip(
            "trusted_bases",
            |_| {},
            |c| c.settings().trusted_bases = globs("registry.corp/base/**"),
        ),
        flip("referrer_types", signature, |c| {
            c.settings().referrer_types = vec![MediaType::new(SIGNATURE)];
        }),
        flip("artifact_types", chart, |c| {
            c.settings().artifact_types = vec![MediaType::new(CHART)];
        }),
    ]
}

/// What stands beside the settings.
fn beside() -> Vec<Flip> {
    let elsewhere = |c: &mut Case| {
        let rule = Settings {
            require: Vec::new(),
            ..Settings::default()
        };
        c.environment.rules.push((globs("registry.corp/**"), rule));
    };
    vec![
        flip("rules", bare, elsewhere),
        flip("platform_images", bare, |c| {
            c.environment.platform_images = vec![PlatformImage {
                digest: digest("app"),
                reason: "sandbox".to_owned(),
            }];
        }),
        flip("exposures", severe(Severity::High), |c| {
            c.exposures = vec![ExposureRule {
                repositories: globs("registry.corp/team/*"),
                exposure: Exposure::Internal,
                reason: "batch".to_owned(),
            }];
        }),
        flip("listener exposure", severe(Severity::High), |c| {
            c.exposure = Exposure::Internal
        }),
        flip("exceptions", severe(Severity::High), |c| {
            c.exceptions = vec![exception()];
        }),
        flip("advisories", severe(Severity::Low), |c| {
            c.advisories = vec![advisory(Effect::Block)];
        }),
        flip(
            "vouchings",
            |c| {
                bare(c);
                c.evidence.held_upstream = TimedEvidence::until(true, now() + days(1));
            },
            |c| {
                let both = [Requirement::Scan, Requirement::Promotion];
                c.vouchings = vec![vouching(&both, now() + days(9))];
            },
        ),
    ]
}

#[test]
fn every_key_flips_a_verdict_by_itself() {
    for flip in settings().into_iter().chain(beside()) {
        let (before, after) = (flip.before.verdict(), flip.after.verdict());
        assert_ne!(
            before.is_allowed(),
            after.is_allowed(),
            "{}: {before:?}",
            flip.key
        );
    }
}

#[test]
fn a_flip_of_a_setting_changes_that_key_alone() {
    for flip in settings() {
        let (before, after) = (&flip.before.environment, &flip.after.environment);
        assert_eq!(changed(&before.settings, &after.settings), [flip.key]);
    }
}

fn changed(before: &Settings, after: &Settings) -> Vec<&'static str> {
    let after = keys(after);
    let differs = |(key, value): (&'static str, String)| (after[key] != value).then_some(key);
    keys(before).into_iter().filter_map(differs).collect()
}

/// Settings by key. A key that is added does not compile until it is listed.
fn keys(settings: &Settings) -> BTreeMap<&'static str, String> {
    let Settings {
        mode,
        upstreams,
        require,
        ceilings,
        unknown_severity,
        secrets,
        platforms,
        max_report_age,
        max_database_age,
        require_database_date,
        allow_end_of_life,
        grace_for_admitted,
        grace_for_worse,
        min_age,
        promoted_tags,
        trusted_bases,
        referrer_types,
        artifact_types,
    } = settings;
    BTreeMap::from([
        ("mode", format!("{mode:?}")),
        ("upstreams", format!("{upstreams:?}")),
        ("require", format!("{require:?}")),
        ("ceilings.external", format!("{:?}", ceilings.external)),
        ("ceilings.internal", format!("{:?}", ceilings.internal)),
        ("unknown_severity", format!("{unknown_severity:?}")),
        ("secrets", format!("{secrets:?}")),
        ("platforms", format!("{platforms:?}")),
        ("max_report_age", format!("{max_report_age:?}")),
        ("max_database_age", format!("{max_database_age:?}")),
        (
            "require_database_date",
            format!("{require_database_date:?}"),
        ),
        ("allow_end_of_life", format!("{allow_end_of_life:?}")),
        ("grace_for_admitted", format!("{grace_for_admitted:?}")),
        ("grace_for_worse", format!("{grace_for_worse:?}")),
        ("min_age", format!("{min_age:?}")),
        ("trusted_bases", format!("{trusted_bases:?}")),
        ("promoted_tags", format!("{promoted_tags:?}")),
        ("referrer_types", format!("{referrer_types:?}")),
        ("artifact_types", format!("{artifact_types:?}")),
    ])
}

#[test]
fn every_setting_but_promoted_tags_has_a_flip() {
    let flipped: BTreeSet<&str> = settings().iter().map(|flip| flip.key).collect();
    let mut all: BTreeSet<&str> = keys(&Settings::default()).into_keys().collect();
    assert!(all.remove("promoted_tags"));
    assert_eq!(flipped, all);
}

/// Bypass 5: the same bytes are judged whatever shape wraps them.
#[test]
fn an_index_is_judged_as_the_image_in_it() {
    for severity in [Severity::Low, Severity::Medium, Severity::Critical] {
        let mut alone = good();
        severe(severity)(&mut alone);
        let mut wrapped = alone.clone();
        let children = vec![
            child(runnable("app", "linux/amd64")),
            child(attestation("a")),
        ];
        wrapped.evidence.closure = index("wrapped", children);
        wrapped.subject.digest = digest("wrapped");
        wrapped.evidence.promotions[0].digest = digest("wrapped");
        assert_eq!(alone.verdict().denials(), wrapped.verdict().denials());
    }
}

/// Bypass 21: evidence of one repository says nothing in another.
#[test]
fn promotion_and_scoped_scans_stay_in_their_repository() {
    let mut case = good();
    case.evidence.closure = alone(runnable("app", "linux/amd64"));
    let scope = crate::access::Scope::new(globs("registry.corp/team/app"), Vec::new());
    case.rescan(|scan| scan.scope = scope);
    assert!(case.verdict().is_allowed());
    case.subject.repository = crate::oci::Repository::parse("registry.corp/team/copy").unwrap();
    let reasons: Vec<&str> = case
        .verdict()
        .denials()
        .iter()
        .map(|d| d.reason.code())
        .collect();
    assert_eq!(reasons, ["not-scanned", "not-promoted"]);
}
