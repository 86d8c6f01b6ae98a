//! Whose word counts: submitters, promoters' repositories, upstreams that vouch (rules 8 and 9).

use super::Expected::*;
use super::images::digest;
use super::sekisho::access::Scope;
use super::sekisho::oci::Digest;
use super::sekisho::report::Severity;
use super::sekisho::trust::DenialReason::*;
use super::sekisho::trust::{Requirement, Scan, TimedEvidence};
use super::{Case, ago, case, found, globs, now, revocation, scan, vouching};

pub fn cases() -> Vec<Case> {
    [submitted(), vouched()].concat()
}

fn submitted() -> Vec<Case> {
    let limited = |repository: &str, environment: &str| {
        Scope::new(globs(repository), vec![environment.to_owned()])
    };
    let scope = |c: &mut Case, scope: Scope| c.rescan(|scan| scan.scope = scope);
    vec![
        case(
            8,
            "serves on a scan by a token of this repository",
            Allowed,
            |c| {
                scope(c, limited("registry.corp/team/*", "production"));
            },
        ),
        case(
            8,
            "denies on a scan by a token of another repository",
            Denied(&[NotScanned]),
            |c| {
                scope(c, limited("registry.corp/other/*", "production"));
            },
        ),
        case(
            8,
            "denies on a scan by a token of another environment",
            Denied(&[NotScanned]),
            |c| {
                scope(c, limited("registry.corp/team/*", "staging"));
            },
        ),
        case(
            8,
            "denies on a scan of another manifest",
            Denied(&[NotScanned]),
            |c| {
                c.rescan(|scan| scan.manifest = digest("other"));
            },
        ),
        case(
            8,
            "denies on a scan of the same bytes under sha512",
            Denied(&[NotScanned]),
            |c| {
                c.rescan(|scan| scan.manifest = Digest::sha512(b"app"));
            },
        ),
        case(
            8,
            "denies on a scan of the config alone",
            Denied(&[NotScanned]),
            |c| {
                c.rescan(|scan| scan.manifest = digest("config of app"));
            },
        ),
        case(
            8,
            "denies on a scan from the future",
            Denied(&[NotScanned]),
            |c| {
                c.rescan(|scan| scan.scanned_at = ago(-1));
            },
        ),
        case(
            8,
            "takes the latest scan of a tool and submitter: better",
            Allowed,
            |c| {
                let bad = found(Severity::High, scan(2, "trivy", "app"));
                c.scan(Scan {
                    scanned_at: ago(5),
                    ..bad
                });
            },
        ),
        case(
            8,
            "takes the latest scan of a tool and submitter: worse",
            Denied(&[TooSevere]),
            |c| {
                let bad = found(Severity::High, scan(2, "trivy", "app"));
                c.scan(Scan {
                    scanned_at: ago(0),
                    ..bad
                });
            },
        ),
        case(
            8,
            "denies a replayed clean scan after a newer bad one",
            Denied(&[TooSevere]),
            |c| {
                c.rescan(|scan| scan.received_at = ago(0));
                let bad = found(Severity::High, scan(2, "trivy", "app"));
                c.scan(Scan {
                    scanned_at: ago(0),
                    received_at: ago(0),
                    ..bad
                });
            },
        ),
        case(
            8,
            "takes the worst of two tools",
            Denied(&[TooSevere]),
            |c| {
                c.scan(found(Severity::High, scan(2, "grype", "app")));
            },
        ),
        case(
            8,
            "lets no submitter hide what another found",
            Denied(&[TooSevere]),
            |c| {
                let bad = found(Severity::High, scan(2, "trivy", "app"));
                c.scan(Scan {
                    submitter: "nightly".to_owned(),
                    scanned_at: ago(9),
                    ..bad
                });
            },
        ),
    ]
}

fn vouched() -> Vec<Case> {
    use Requirement::{Promotion, Scan as Scanned};
    let seen = |c: &mut Case| {
        c.evidence.scans.clear();
        c.evidence.promotions.clear();
        c.evidence.held_upstream = TimedEvidence::until(true, ago(-1));
    };
    vec![
        case(9, "serves what an upstream vouches for", Allowed, |c| {
            seen(c);
            c.vouchings = vec![vouching(&[Scanned, Promotion], ago(-100))];
        }),
        case(
            9,
            "serves what two words of an upstream vouch for",
            Allowed,
            |c| {
                seen(c);
                c.vouchings = vec![
                    vouching(&[Scanned], ago(-100)),
                    vouching(&[Promotion], ago(-100)),
                ];
            },
        ),
        case(
            9,
            "denies what is vouched for in part",
            Denied(&[NotScanned]),
            |c| {
                seen(c);
                c.vouchings = vec![vouching(&[Promotion], ago(-100))];
            },
        ),
        case(
            9,
            "denies what the upstream was not seen to hold",
            Denied(&[NotScanned, NotPromoted]),
            |c| {
                seen(c);
                c.vouchings = vec![vouching(&[Scanned, Promotion], ago(-100))];
                c.evidence.held_upstream = TimedEvidence::until(true, now());
            },
        ),
        case(
            9,
            "denies once the word has ended",
            Denied(&[NotScanned, NotPromoted]),
            |c| {
                seen(c);
                c.vouchings = vec![vouching(&[Scanned, Promotion], now())];
            },
        ),
        case(
            9,
            "denies in an environment that the word does not name",
            Denied(&[NotScanned, NotPromoted]),
            |c| {
                seen(c);
                c.vouchings = vec![vouching(&[Scanned, Promotion], ago(-100))];
                c.vouchings[0].environments.clear();
            },
        ),
        case(
            9,
            "takes a report before the upstream's word",
            Denied(&[TooSevere]),
            |c| {
                seen(c);
                c.vouchings = vec![vouching(&[Scanned, Promotion], ago(-100))];
                c.scan(found(Severity::High, scan(1, "trivy", "app")));
            },
        ),
        case(
            9,
            "denies what is revoked, whoever vouches",
            Denied(&[Revoked]),
            |c| {
                seen(c);
                c.vouchings = vec![vouching(&[Scanned, Promotion], ago(-100))];
                c.evidence.revocations = vec![revocation("app")];
            },
        ),
    ]
}
