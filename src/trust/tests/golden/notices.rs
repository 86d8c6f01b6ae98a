//! Exceptions and advisories (rules 4 and 5).

use super::Expected::*;
use super::contents::both;
use super::images::{digest, platform};
use super::sekisho::oci::Digest;
use super::sekisho::report::{Package, Severity};
use super::sekisho::trust::DenialReason::*;
use super::sekisho::trust::{Advisory, Effect, Exception, Exposure, PackagePattern};
use super::{Case, ago, case, days, finding, found, globs, now};

/// Accepts `CVE-2026-1234` in the team's images for 60 days.
pub fn exception() -> Exception {
    Exception {
        id: "team.toml#1".to_owned(),
        vulnerabilities: vec!["CVE-2026-1234".to_owned()],
        accepts_end_of_life: false,
        images: globs("registry.corp/team/**"),
        packages: Vec::new(),
        reason: "not reachable".to_owned(),
        link: "https://git.corp/security/exceptions/-/issues/7".to_owned(),
        owner: "platform-team".to_owned(),
        expires: now() + days(60),
    }
}

/// Speaks of `CVE-2026-1234`, for ever.
pub fn advisory(effect: Effect) -> Advisory {
    Advisory {
        id: "SEC-2026-014".to_owned(),
        vulnerabilities: vec!["CVE-2026-1234".to_owned()],
        packages: Vec::new(),
        digests: Vec::new(),
        effect,
        reason: "exploited in the wild".to_owned(),
        link: "https://sec.corp/14".to_owned(),
        expires: None,
    }
}

fn pattern(text: &str) -> PackagePattern {
    PackagePattern::parse(text).unwrap()
}

/// One high finding, as `change` has it.
fn with_finding(c: &mut Case, change: impl FnOnce(&mut super::sekisho::report::Finding)) {
    c.rescan(|scan| {
        let mut finding = finding(Some(Severity::High));
        change(&mut finding);
        scan.findings = vec![finding];
    });
}

fn high(c: &mut Case) {
    with_finding(c, |_| {});
}

fn excepted(change: impl FnOnce(&mut Exception)) -> impl FnOnce(&mut Case) {
    |c| {
        high(c);
        let mut written = exception();
        change(&mut written);
        c.exceptions = vec![written];
    }
}

fn aliased(id: &str, aliases: &[&str]) -> impl FnOnce(&mut Case) {
    move |c| {
        c.exceptions = vec![exception()];
        with_finding(c, |finding| {
            finding.id = id.to_owned();
            finding.aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
        });
    }
}

pub fn exceptions() -> Vec<Case> {
    vec![
        case(
            4,
            "serves what an exception accepts",
            Allowed,
            excepted(|_| {}),
        ),
        case(
            4,
            "takes an id in any case",
            Allowed,
            excepted(|it| it.vulnerabilities = vec!["cve-2026-1234".to_owned()]),
        ),
        case(
            4,
            "denies once the exception has ended",
            Denied(&[TooSevere]),
            excepted(|it| it.expires = now()),
        ),
        case(
            4,
            "warns before the exception ends",
            Warned,
            excepted(|it| it.expires = now() + days(10)),
        ),
        case(
            4,
            "denies where the exception does not reach",
            Denied(&[TooSevere]),
            excepted(|it| it.images = globs("registry.corp/team/other")),
        ),
        case(
            4,
            "denies another vulnerability than the one accepted",
            Denied(&[TooSevere]),
            excepted(|it| it.vulnerabilities = vec!["CVE-2026-9".to_owned()]),
        ),
        case(
            4,
            "denies the vulnerability in another package",
            Denied(&[TooSevere]),
            excepted(|it| it.packages = vec![pattern("zlib1g")]),
        ),
        case(
            4,
            "serves what is accepted in that package",
            Allowed,
            excepted(|it| it.packages = vec![pattern("openssl")]),
        ),
        case(
            4,
            "denies a second finding beside an accepted one",
            Denied(&[TooSevere]),
            |c| {
                excepted(|_| {})(c);
                c.rescan(|scan| {
                    let mut other = finding(Some(Severity::Medium));
                    other.id = "CVE-2026-5".to_owned();
                    scan.findings.push(other);
                });
            },
        ),
        case(
            4,
            "takes an exception by the only CVE of a finding",
            Allowed,
            aliased("GHSA-1", &["CVE-2026-1234", "DSA-1"]),
        ),
        case(
            4,
            "denies where one of two CVEs is accepted",
            Denied(&[TooSevere]),
            aliased("GHSA-1", &["CVE-2026-1234", "CVE-2026-5"]),
        ),
        case(
            4,
            "takes no exception by an alias that is no CVE",
            Denied(&[TooSevere]),
            |c| {
                aliased("GHSA-1", &["DSA-1"])(c);
                c.exceptions[0].vulnerabilities = vec!["DSA-1".to_owned()];
            },
        ),
        case(4, "accepts a system past its end of life", Allowed, |c| {
            c.rescan(|scan| scan.end_of_life = true);
            let mut written = exception();
            written.vulnerabilities.clear();
            written.accepts_end_of_life = true;
            c.exceptions = vec![written];
        }),
        case(
            4,
            "counts a suppressed finding that nobody accepted",
            Denied(&[TooSevere]),
            |c| {
                with_finding(c, |it| {
                    it.status = Some("suppressed (acknowledged)".to_owned())
                });
            },
        ),
        case(4, "accepts no malware", Denied(&[Malware]), |c| {
            excepted(|_| {})(c);
            c.rescan(|scan| scan.malware = 1);
        }),
    ]
}

fn advised(effect: Effect) -> impl FnOnce(&mut Case) {
    move |c| c.advisories = vec![advisory(effect)]
}

fn on_package(text: &'static str) -> impl FnOnce(&mut Case) {
    move |c| {
        let mut written = advisory(Effect::Block);
        written.vulnerabilities.clear();
        written.packages = vec![pattern(text)];
        c.advisories = vec![written];
        c.rescan(|scan| {
            scan.packages = vec![Package {
                name: "xz-utils".to_owned(),
                version: "5.6.1-1".to_owned(),
                purl: Some("pkg:deb/debian/xz-utils@5.6.1-1?arch=amd64".to_owned()),
            }];
        });
    }
}

fn on_digest(named: Digest) -> impl FnOnce(&mut Case) {
    move |c| {
        let mut written = advisory(Effect::Block);
        written.vulnerabilities.clear();
        written.digests = vec![named];
        c.advisories = vec![written];
    }
}

fn low(c: &mut Case) {
    c.rescan(|scan| *scan = found(Severity::Low, scan.clone()));
}

pub fn blocks() -> Vec<Case> {
    vec![
        case(
            5,
            "denies what an advisory blocks, however low it is rated",
            Denied(&[BlockedByAdvisory]),
            |c| {
                low(c);
                advised(Effect::Block)(c);
            },
        ),
        case(
            5,
            "denies by any alias of what is blocked",
            Denied(&[BlockedByAdvisory]),
            |c| {
                with_finding(c, |it| {
                    it.id = "GHSA-1".to_owned();
                    it.aliases = vec!["CVE-2026-1234".to_owned(), "CVE-2026-5".to_owned()];
                    it.severity = Some(Severity::Low);
                });
                advised(Effect::Block)(c);
            },
        ),
        case(
            5,
            "serves what the advisory does not name",
            Allowed,
            advised(Effect::Block),
        ),
        case(
            5,
            "serves again once the advisory has ended",
            Allowed,
            |c| {
                low(c);
                advised(Effect::Block)(c);
                c.advisories[0].expires = Some(ago(1));
            },
        ),
        case(
            5,
            "blocks what an exception accepts",
            Denied(&[BlockedByAdvisory]),
            |c| {
                excepted(|_| {})(c);
                advised(Effect::Block)(c);
            },
        ),
        case(
            5,
            "grants no grace against an advisory",
            Denied(&[BlockedByAdvisory]),
            |c| {
                low(c);
                c.evidence.first_served = Some(ago(24 * 40));
                c.settings().grace_for_worse = days(90);
                advised(Effect::Block)(c);
            },
        ),
        case(
            5,
            "blocks a package that nobody found anything in",
            Denied(&[BlockedByAdvisory]),
            on_package("pkg:deb/debian/xz-utils@5.6.1-1"),
        ),
        case(
            5,
            "serves another version of a blocked package",
            Allowed,
            on_package("pkg:deb/debian/xz-utils@5.6.0"),
        ),
        case(
            5,
            "blocks a digest",
            Denied(&[BlockedByAdvisory]),
            on_digest(digest("app")),
        ),
        case(
            5,
            "blocks what holds a blocked layer",
            Denied(&[BlockedByAdvisory]),
            on_digest(digest("layer of app")),
        ),
        case(
            5,
            "blocks what an index above holds",
            Denied(&[BlockedByAdvisory]),
            |c| {
                c.evidence.above = vec![digest("index")];
                on_digest(digest("index"))(c);
            },
        ),
        case(
            5,
            "blocks the same bytes under the other algorithm",
            Denied(&[BlockedByAdvisory]),
            |c| {
                c.evidence.related.insert(Digest::sha512(b"app"));
                on_digest(Digest::sha512(b"app"))(c);
            },
        ),
        case(
            5,
            "blocks a listed platform image",
            Denied(&[BlockedByAdvisory]),
            |c| {
                c.environment.platform_images = vec![super::sekisho::trust::PlatformImage {
                    digest: digest("app"),
                    reason: "sandbox".to_owned(),
                }];
                on_digest(digest("app"))(c);
            },
        ),
        case(
            5,
            "serves an index whose blocked child is not deployed",
            Allowed,
            |c| {
                both(c);
                c.settings().platforms = vec![platform("linux/amd64")];
                on_digest(digest("arm"))(c);
            },
        ),
    ]
}

pub fn ratings() -> Vec<Case> {
    vec![
        case(
            5,
            "denies what an advisory raises",
            Denied(&[TooSevere]),
            |c| {
                low(c);
                advised(Effect::Raise(Severity::Critical))(c);
            },
        ),
        case(5, "never lowers by raising", Denied(&[TooSevere]), |c| {
            high(c);
            advised(Effect::Raise(Severity::Low))(c);
        }),
        case(
            5,
            "accepts nothing that an advisory raises",
            Denied(&[TooSevere]),
            |c| {
                excepted(|_| {})(c);
                advised(Effect::Raise(Severity::High))(c);
            },
        ),
        case(
            5,
            "grants no grace to what is raised",
            Denied(&[TooSevere]),
            |c| {
                low(c);
                c.evidence.first_served = Some(ago(24 * 40));
                c.settings().grace_for_worse = days(90);
                advised(Effect::Raise(Severity::Critical))(c);
            },
        ),
        case(5, "serves what an advisory lowers", Allowed, |c| {
            high(c);
            advised(Effect::Lower(Severity::Low))(c);
        }),
        case(
            5,
            "denies again once the advisory that lowers has ended",
            Denied(&[TooSevere]),
            |c| {
                high(c);
                advised(Effect::Lower(Severity::Low))(c);
                c.advisories[0].expires = Some(now());
            },
        ),
        case(
            5,
            "takes the stricter of two that lower",
            Denied(&[TooSevere]),
            |c| {
                high(c);
                c.advisories = vec![
                    advisory(Effect::Lower(Severity::Low)),
                    advisory(Effect::Lower(Severity::Medium)),
                ];
            },
        ),
        case(
            5,
            "raises where another advisory lowers",
            Denied(&[TooSevere]),
            |c| {
                low(c);
                c.advisories = vec![
                    advisory(Effect::Lower(Severity::Low)),
                    advisory(Effect::Raise(Severity::High)),
                ];
            },
        ),
        case(
            5,
            "lowers nothing by one of several CVEs",
            Denied(&[TooSevere]),
            |c| {
                with_finding(c, |it| {
                    it.id = "GHSA-1".to_owned();
                    it.aliases = vec!["CVE-2026-1234".to_owned(), "CVE-2026-5".to_owned()];
                });
                advised(Effect::Lower(Severity::Low))(c);
            },
        ),
        case(5, "lowers what nobody rated", Allowed, |c| {
            with_finding(c, |it| it.severity = None);
            advised(Effect::Lower(Severity::Low))(c);
        }),
        case(5, "judges a raise by exposure", Allowed, |c| {
            low(c);
            c.exposure = Exposure::Internal;
            advised(Effect::Raise(Severity::High))(c);
        }),
    ]
}
