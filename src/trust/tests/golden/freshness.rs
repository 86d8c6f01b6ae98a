//! Age of scans and databases, and grace (rule 7).

use super::Expected::*;
use super::sekisho::report::Severity;
use super::sekisho::trust::DenialReason::*;
use super::sekisho::trust::TimeSource;
use super::{Case, ago, case, days, found, revocation, scan};

fn served(case: &mut Case) {
    case.evidence.first_served = Some(ago(24 * 40));
}

/// The scan was made `age` days ago.
fn aged(c: &mut Case, age: i64) {
    c.rescan(|scan| {
        scan.scanned_at = ago(24 * age);
        scan.received_at = ago(24 * age);
        scan.database_at = Some(ago(24 * age));
    });
}

pub fn cases() -> Vec<Case> {
    vec![
        case(7, "serves on a scan of 29 days", Allowed, |c| aged(c, 29)),
        case(
            7,
            "denies on a scan of 30 days",
            Denied(&[ScanStale]),
            |c| aged(c, 30),
        ),
        case(
            7,
            "warns of a stale scan of what was served before",
            Warned,
            |c| {
                aged(c, 31);
                served(c);
            },
        ),
        case(
            7,
            "denies on a stale scan once grace is over",
            Denied(&[ScanStale]),
            |c| {
                aged(c, 44);
                served(c);
            },
        ),
        case(
            7,
            "counts age from the earlier of scanned and received",
            Denied(&[ScanStale]),
            |c| {
                aged(c, 31);
                c.rescan(|scan| scan.received_at = ago(1));
            },
        ),
        case(
            7,
            "denies on a stale scan whose time its submitter declared",
            Denied(&[ScanStale]),
            |c| {
                aged(c, 31);
                c.rescan(|scan| {
                    scan.time_source = Some(TimeSource::Submitter(scan.scanned_at));
                    scan.received_at = ago(1);
                });
            },
        ),
        case(
            7,
            "serves on a fresh scan whose report tells no time",
            Allowed,
            |c| {
                aged(c, 29);
                c.rescan(|scan| scan.time_source = Some(TimeSource::Receipt));
            },
        ),
        case(
            7,
            "serves on a fresh scan beside a stale one",
            Allowed,
            |c| {
                aged(c, 40);
                c.scan(scan(2, "grype", "app"));
            },
        ),
        case(
            7,
            "denies on a database too old at the scan",
            Denied(&[ScanStale]),
            |c| {
                c.rescan(|scan| scan.database_at = Some(ago(24 * 9)));
            },
        ),
        case(7, "serves on an undated database", Allowed, |c| {
            c.rescan(|scan| scan.database_at = None);
        }),
        case(
            7,
            "denies a system past its end of life",
            Denied(&[ScanIncomplete]),
            |c| {
                c.rescan(|scan| scan.end_of_life = true);
            },
        ),
        case(
            7,
            "denies at once on a worse report of what was served",
            Denied(&[TooSevere]),
            |c| {
                served(c);
                c.rescan(|scan| *scan = found(Severity::High, scan.clone()));
            },
        ),
        case(
            7,
            "warns of a worse report where grace is granted",
            Warned,
            |c| {
                served(c);
                c.settings().grace_for_worse = days(3);
                c.rescan(|scan| *scan = found(Severity::High, scan.clone()));
            },
        ),
        case(
            7,
            "grants no grace to what was never served",
            Denied(&[TooSevere]),
            |c| {
                c.settings().grace_for_worse = days(3);
                c.rescan(|scan| *scan = found(Severity::High, scan.clone()));
            },
        ),
        case(
            7,
            "counts grace from the first bad report, not from the last",
            Denied(&[TooSevere]),
            |c| {
                served(c);
                c.settings().grace_for_worse = days(3);
                aged(c, 4);
                c.rescan(|scan| *scan = found(Severity::High, scan.clone()));
                c.scan(found(Severity::High, scan(2, "trivy", "app")));
            },
        ),
        case(
            7,
            "grants no grace to a revoked image",
            Denied(&[Revoked]),
            |c| {
                served(c);
                c.settings().grace_for_worse = days(3);
                c.evidence.revocations = vec![revocation("app")];
            },
        ),
    ]
}
