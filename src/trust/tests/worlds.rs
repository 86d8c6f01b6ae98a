//! Arbitrary evidence under arbitrary policy, dense enough that rules meet.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::golden::overrides::{grant, timed};
use super::golden::vulnerability_policy::{advisory, exception};
use super::golden::*;
use super::images::{alone, child, digest, index, platform, runnable};
use crate::access::Scope;
use crate::oci::RepositoryGlobs;
use crate::report::{Finding, Format, Incomplete, ReportBinding, Severity};
use crate::trust::{
    Advisory, BreakGlass, Ceilings, Effect, Evidence, Exception, Exposure, Mode, Promotion,
    Requirement, Revocation, Scan, SecretsPolicy, Settings, TimedEvidence, TimedMode, TrustedBase,
    Vouching,
};

const IMAGES: [(&str, &str); 2] = [("amd", "linux/amd64"), ("arm", "linux/arm64")];

pub fn severity() -> impl Strategy<Value = Severity> {
    use Severity::*;
    prop::sample::select(vec![Negligible, Low, Medium, High, Critical])
}

fn within(low: i64, high: i64) -> impl Strategy<Value = Timestamp> {
    (low..high).prop_map(ago)
}

fn length() -> impl Strategy<Value = SignedDuration> {
    prop_oneof![
        Just(SignedDuration::ZERO),
        (1i64..1200).prop_map(SignedDuration::from_hours)
    ]
}

pub fn scans() -> impl Strategy<Value = Vec<Arc<Scan>>> {
    let one = (
        (0..2usize, 0..2usize, 0..2usize),
        (within(-30, 1500), -5i64..100, option::of(0i64..400)),
        (
            prop::bool::weighted(0.1),
            prop::bool::weighted(0.1),
            prop::bool::weighted(0.1),
        ),
        vec((option::of(severity()), 0..3usize), 0..3),
        prop::bool::weighted(0.05),
        (
            prop::bool::weighted(0.1),
            prop::sample::select(BINDINGS.to_vec()),
        ),
    );
    vec(one, 0..5).prop_map(|scans| {
        let numbered = scans.into_iter().zip(1..);
        numbered
            .map(|(parts, id)| Arc::new(scan_of(id, parts)))
            .collect()
    })
}

type Parts = (
    (usize, usize, usize),
    (Timestamp, i64, Option<i64>),
    (bool, bool, bool),
    Vec<(Option<Severity>, usize)>,
    bool,
    (bool, ReportBinding),
);

const BINDINGS: [ReportBinding; 4] = [
    ReportBinding::Manifest,
    ReportBinding::Index,
    ReportBinding::Content,
    ReportBinding::Declared,
];

fn scan_of(id: i64, parts: Parts) -> Scan {
    let (
        (image, tool, submitter),
        (scanned_at, late, database),
        flags,
        found,
        malware,
        (lossy, binding),
    ) = parts;
    let (incomplete, end_of_life, elsewhere) = flags;
    let hours = SignedDuration::from_hours;
    Scan {
        submitter: ["ci", "nightly"][submitter].to_owned(),
        scope: match elsewhere {
            true => Scope::new(globs("registry.corp/other/*"), Vec::new()),
            false => Scope::everything(),
        },
        scanned_at,
        received_at: scanned_at + hours(late),
        database_at: database.map(|age| scanned_at - hours(age)),
        incomplete: Vec::from_iter(incomplete.then_some(Incomplete::NothingRecognised)),
        end_of_life,
        malware: u64::from(malware),
        lists_packages: end_of_life,
        secrets: u64::from(end_of_life),
        format: match lossy {
            true => Format::Sarif,
            false => Format::Trivy,
        },
        binding,
        findings: found.into_iter().map(named).collect(),
        ..scan(id, ["trivy", "grype"][tool], IMAGES[image].0)
    }
}

/// A finding under one of three sets of ids.
fn named((severity, ids): (Option<Severity>, usize)) -> Finding {
    let mut found = finding(severity);
    if ids > 0 {
        found.id = "GHSA-1".to_owned();
        found.aliases = vec!["CVE-2026-1234".to_owned()];
    }
    if ids > 1 {
        found.aliases.push("CVE-2026-5".to_owned());
    }
    found
}

fn ids() -> impl Strategy<Value = Vec<String>> {
    let all = vec!["CVE-2026-1234", "CVE-2026-5", "GHSA-1"];
    let some = prop::sample::subsequence(all, 1..=2);
    some.prop_map(|ids| ids.into_iter().map(str::to_owned).collect())
}

pub fn some_exception() -> impl Strategy<Value = Exception> {
    (ids(), within(-1000, 10), any::<bool>(), any::<bool>()).prop_map(
        |(vulnerabilities, expires, here, end_of_life)| {
            let mut written = exception();
            written.vulnerabilities = vulnerabilities;
            written.accepts_end_of_life = end_of_life;
            written.expires = expires;
            if !here {
                written.images = globs("registry.corp/other/*");
            }
            written
        },
    )
}

pub fn some_advisory(effect: impl Strategy<Value = Effect>) -> impl Strategy<Value = Advisory> {
    let places = vec!["amd", "layer of arm", "above", "elsewhere"];
    let place = prop::sample::select(places);
    (
        ids(),
        option::of(place),
        option::of(within(-1000, 10)),
        effect,
    )
        .prop_map(|(vulnerabilities, named, expires, effect)| {
            let mut written = advisory(effect);
            written.vulnerabilities = vulnerabilities;
            written.digests = named.into_iter().map(digest).collect();
            written.expires = expires;
            written
        })
}

/// What makes things worse.
pub fn harm() -> impl Strategy<Value = Effect> {
    prop_oneof![Just(Effect::Block), severity().prop_map(Effect::Raise)]
}

fn effect() -> impl Strategy<Value = Effect> {
    prop_oneof![harm(), severity().prop_map(Effect::Lower)]
}

fn some_grant() -> impl Strategy<Value = BreakGlass> {
    (within(-2, 30), 1i64..24, any::<bool>(), any::<bool>()).prop_map(
        |(granted_at, hours, lifts_revocation, parents)| BreakGlass {
            granted_at,
            until: granted_at + SignedDuration::from_hours(hours),
            lifts_revocation,
            digest: digest(if parents { "above" } else { "amd" }),
            ..grant()
        },
    )
}

fn some_mode() -> impl Strategy<Value = TimedMode> {
    let mode = prop::sample::select(Mode::ALL.to_vec());
    (within(-2, 30), 1i64..48, mode).prop_map(|(set_at, hours, mode)| TimedMode {
        set_at,
        until: set_at + SignedDuration::from_hours(hours),
        ..timed(mode)
    })
}

fn promotions() -> impl Strategy<Value = Vec<Promotion>> {
    let one = (
        prop::sample::select(vec!["root", "above", "other"]),
        within(0, 500),
    );
    vec(one, 0..3).prop_map(|promotions| {
        let numbered = promotions.into_iter().zip(1..);
        let promoted = numbered.map(|((name, promoted_at), id)| Promotion {
            promoted_at,
            ..promotion(id, digest(name))
        });
        promoted.collect()
    })
}

pub fn some_revocation() -> impl Strategy<Value = Revocation> {
    let names = vec![
        "root",
        "above",
        "amd",
        "arm",
        "layer of amd",
        "layer of arm",
    ];
    (prop::sample::select(names), 1..100i64, any::<bool>()).prop_map(|(name, id, here)| {
        Revocation {
            id,
            environment: here.then(production),
            ..revocation(name)
        }
    })
}

fn settings() -> impl Strategy<Value = Settings> {
    let require = prop::sample::subsequence(vec![Requirement::Scan, Requirement::Promotion], 0..=2);
    let platforms = prop::sample::subsequence(vec!["linux/amd64", "linux/arm64"], 0..=1);
    (
        (prop::sample::select(Mode::ALL.to_vec()), require, platforms),
        (severity(), severity(), severity()),
        (length(), length(), length(), length()),
        (any::<bool>(), any::<bool>(), any::<bool>()),
        (
            prop::bool::weighted(0.1),
            prop_oneof![4 => Just(SignedDuration::ZERO), 1 => length()],
        ),
    )
        .prop_map(
            |((mode, require, platforms), severities, ages, flags, origin)| Settings {
                mode,
                require,
                platforms: platforms.into_iter().map(platform).collect(),
                ceilings: Ceilings {
                    external: severities.0,
                    internal: severities.1,
                },
                unknown_severity: severities.2,
                max_report_age: ages.0,
                max_database_age: ages.1,
                grace_for_admitted: ages.2,
                grace_for_worse: ages.3,
                require_database_date: flags.0,
                allow_end_of_life: flags.1,
                secrets: match flags.2 {
                    true => SecretsPolicy::Deny,
                    false => SecretsPolicy::Ignore,
                },
                trusted_bases: match origin.0 {
                    true => globs("registry.corp/base/*"),
                    false => RepositoryGlobs::none(),
                },
                min_age: origin.1,
                ..Settings::default()
            },
        )
}

fn vouchings() -> impl Strategy<Value = Vec<Vouching>> {
    let require = prop::sample::subsequence(vec![Requirement::Scan, Requirement::Promotion], 0..=2);
    let one = (require, within(-100, 10)).prop_map(|(of, until)| vouching(&of, until));
    vec(one, 0..3)
}

fn evidence() -> impl Strategy<Value = Evidence> {
    let revocations = prop_oneof![
        5 => Just(Vec::new()),
        1 => vec(some_revocation(), 1..3),
    ];
    (
        (0..3usize, scans(), promotions(), revocations),
        (
            option::of(within(0, 2000)),
            option::of(within(-50, 10)),
            option::of(within(0, 2000)),
        ),
        (
            prop_oneof![4 => Just(Vec::new()), 1 => vec(some_grant(), 1..3)],
            prop_oneof![4 => Just(None), 1 => some_mode().prop_map(Some)],
            option::of(within(-50, 10)),
        ),
        prop::bool::weighted(0.95),
    )
        .prop_map(
            |((shape, scans, promotions, revocations), times, overrides, confirmed)| {
                let (closure, parents) = shaped(shape);
                let promotions = promotions.into_iter().map(|promotion| Promotion {
                    digest: match promotion.digest == digest("root") {
                        true => closure.root().clone(),
                        false => promotion.digest,
                    },
                    ..promotion
                });
                Evidence {
                    promotions: promotions.collect(),
                    parents,
                    scans,
                    revocations,
                    first_served: times.0,
                    held_upstream: TimedEvidence {
                        value: times.1.is_some(),
                        until: times.1.or(overrides.2),
                    },
                    first_seen: times.2,
                    break_glass: overrides.0,
                    timed_mode: overrides.1,
                    trusted_bases: TimedEvidence {
                        value: overrides.2.map(|_| base()).into_iter().collect(),
                        until: overrides.2,
                    },
                    confirmed,
                    ..Evidence::none(closure)
                }
            },
        )
}

fn base() -> TrustedBase {
    TrustedBase {
        image: digest("amd"),
        base: "registry.corp/base/debian".to_owned(),
    }
}

/// An index, an image by itself, or an image below an index.
fn shaped(shape: usize) -> (Arc<crate::oci::Closure>, Vec<crate::oci::Digest>) {
    let [amd, arm] = IMAGES.map(|(name, on)| runnable(name, on));
    match shape {
        0 => (index("root", vec![child(amd), child(arm)]), Vec::new()),
        1 => (alone(amd), Vec::new()),
        _ => (alone(arm), vec![digest("above")]),
    }
}

/// A case with nothing expected of it.
pub fn world() -> impl Strategy<Value = Case> {
    let exposure = prop::sample::select(vec![Exposure::External, Exposure::Internal]);
    let vulnerability_policy = (
        prop_oneof![1 => Just(Vec::new()), 1 => vec(some_exception(), 1..3)],
        prop_oneof![1 => Just(Vec::new()), 1 => vec(some_advisory(effect()), 1..3)],
    );
    (
        evidence(),
        settings(),
        vouchings(),
        exposure,
        vulnerability_policy,
    )
        .prop_map(
            |(evidence, settings, vouchings, exposure, vulnerability_policy)| {
                let mut case = good();
                case.subject.digest = evidence.closure.root().clone();
                *case.settings() = settings;
                Case {
                    evidence,
                    vouchings,
                    exposure,
                    exceptions: vulnerability_policy.0,
                    advisories: vulnerability_policy.1,
                    ..case
                }
            },
        )
}
