//! The golden table, held to the one function of judgement.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::golden::built_from::{on_source, raised_by_source};
use super::golden::contents::both;
use super::golden::vulnerability_policy::advisory;
use super::golden::{Case, ago, cases, days, finding, found, good, now, vouching};
use crate::report::{Finding, Severity};
use crate::trust::{Advisory, CachedVerdict, Effect, FirstReported, Requirement, TimedEvidence};

#[test]
fn every_golden_case_gets_its_verdict() {
    let wrong: Vec<String> = cases()
        .iter()
        .filter(|case| !case.expected.holds(&case.verdict()))
        .map(|case| {
            let verdict = case.verdict();
            let (denials, checks) = (verdict.denials(), verdict.checks());
            format!(
                "{}: {:?} but {denials:?} {checks:?}",
                case.name, case.expected
            )
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whoever reads of a package that is not in the advisory has to see why.
#[test]
fn what_is_meant_by_its_source_is_told_with_it() {
    let told = |change: &dyn Fn(&mut Case)| {
        let mut case = good();
        change(&mut case);
        case.verdict().denials()[0].clone()
    };
    let blocked = told(&|c| on_source("xz-utils")(c));
    assert_eq!(
        blocked.detail,
        "SEC-2026-014: liblzma5 5.6.1-1+b1 of source xz-utils: exploited in the wild"
    );
    let by_binary = told(&|c| on_source("liblzma5")(c));
    assert!(!by_binary.detail.contains("of source"), "{by_binary:?}");
    let raised = told(&raised_by_source);
    let start = "CVE-2026-1234 CRITICAL (raised by SEC-2026-014) liblzma5 3.0.1 of source xz-utils";
    assert!(raised.detail.starts_with(start), "{raised:?}");
    // No exception accepts it.
    assert_eq!(
        raised.next_step,
        "rebuild, or ask the owner of SEC-2026-014"
    );
}

#[test]
fn every_golden_case_has_a_name_of_its_own() {
    let names: BTreeSet<(u8, &str)> = cases().iter().map(|case| (case.rule, case.name)).collect();
    assert_eq!(names.len(), cases().len());
}

#[test]
fn a_verdict_says_what_it_rests_on() {
    let verdict = good().verdict();
    assert_eq!(verdict.evidence(), ["scan:1", "promotion:1"]);
    assert_eq!(verdict.oldest_evidence(), Some(super::golden::ago(1)));
    let mut case = good();
    case.settings().require.clear();
    assert_eq!(case.verdict().evidence(), ["scan:1"]);
}

#[test]
fn the_worst_finding_of_all_scans_is_told_first() {
    let mut case = good();
    let whole = (*case.evidence.scans[0]).clone();
    case.rescan(|scan| *scan = found(Severity::Medium, whole.clone()));
    for (id, tool, severity) in [(2, "b", Severity::Critical), (3, "c", Severity::High)] {
        let mut scan = found(severity, whole.clone());
        (scan.id, scan.tool.name) = (id, tool.to_owned());
        case.scan(scan);
    }
    let verdict = case.verdict();
    let told: Vec<&str> = verdict.denials().iter().map(|it| &*it.detail).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    for (detail, severity) in told.iter().zip(["CRITICAL", "HIGH", "MEDIUM"]) {
        assert!(detail.contains(severity), "{told:?}");
    }
}

#[test]
fn a_scan_that_is_too_old_by_hours_is_told_in_hours() {
    let mut case = good();
    case.settings().max_report_age = days(1) / 2;
    case.rescan(|scan| (scan.scanned_at, scan.received_at) = (ago(13), ago(13)));
    let denied = case.verdict();
    assert_eq!(denied.denials()[0].detail, "scan is 13h old, limit 12h");
    case.settings().max_report_age = days(2);
    case.rescan(|scan| (scan.scanned_at, scan.received_at) = (ago(49), ago(49)));
    assert_eq!(
        case.verdict().denials()[0].detail,
        "scan is 2d old, limit 2d"
    );
}

#[test]
fn a_limit_below_an_hour_is_told_in_minutes_or_seconds() {
    for (limit, age, told) in [
        (300, 420, "scan is 7m old, limit 5m"),
        (300, 7 * 3600, "scan is 7h old, limit 5m"),
        (90, 100, "scan is 100s old, limit 90s"),
        (5400, 6000, "scan is 100m old, limit 90m"),
        (1, 3 * 86_400, "scan is 3d old, limit 1s"),
    ] {
        let mut case = good();
        case.settings().max_report_age = SignedDuration::from_secs(limit);
        let at = now() - SignedDuration::from_secs(age);
        case.rescan(|scan| (scan.scanned_at, scan.received_at) = (at, at));
        assert_eq!(case.verdict().denials()[0].detail, told);
    }
}

#[test]
fn a_database_that_was_too_old_is_told_with_age_date_and_limit() {
    let mut case = good();
    case.settings().max_database_age = days(7);
    case.rescan(|scan| scan.database_at = Some(scan.scanned_at - days(12)));
    let detail = case.verdict().denials()[0].detail.clone();
    assert!(
        detail.starts_with("the scanner's database, of 20"),
        "{detail}"
    );
    assert!(
        detail.ends_with(" was 12d old at the scan, limit 7d"),
        "{detail}"
    );
}

#[test]
fn what_no_second_scan_mends_is_told_how_to_mend() {
    let mut case = good();
    case.rescan(|scan| scan.end_of_life = true);
    let next = case.verdict().denials()[0].next_step.clone();
    assert!(
        next.starts_with("rebuild it on a base that is maintained"),
        "{next}"
    );
    let mut case = good();
    case.settings().require_database_date = true;
    case.rescan(|scan| scan.database_at = None);
    let next = case.verdict().denials()[0].next_step.clone();
    assert!(next.contains("--scanner-info"), "{next}");
}

#[test]
fn checks_of_several_platforms_say_which_is_meant() {
    let mut case = good();
    both(&mut case);
    case.evidence.scans.pop();
    let verdict = case.verdict();
    let named = |requirement: &str| -> Vec<Option<&str>> {
        let checks = verdict.checks().iter();
        let of = checks.filter(|check| check.requirement == requirement);
        of.map(|check| check.platform.as_deref()).collect()
    };
    assert_eq!(named("scan"), [Some("linux/amd64")]);
    assert_eq!(named("platform-not-scanned"), [Some("linux/arm64")]);
    assert_eq!(named("revocation"), [None]);
    assert!(
        good()
            .verdict()
            .checks()
            .iter()
            .all(|it| it.platform.is_none())
    );
}

#[test]
fn an_undated_database_is_shown_as_such() {
    let mut case = good();
    case.rescan(|scan| scan.database_at = None);
    let verdict = case.verdict();
    let scan = verdict
        .checks()
        .iter()
        .find(|check| check.requirement == "scan");
    assert!(scan.unwrap().text.ends_with("with an undated database"));
}

/// Bypass 10: what cannot be asked for is not said to be missing.
#[test]
fn unreachable_records_are_not_called_missing_evidence() {
    let mut case = good();
    case.evidence.scans.clear();
    case.evidence.confirmed = false;
    let verdict = case.verdict();
    let failed: Vec<&str> = verdict
        .checks()
        .iter()
        .filter(|check| check.outcome == crate::trust::CheckOutcome::Failed)
        .map(|check| &*check.requirement)
        .collect();
    assert_eq!(failed, ["undecidable"]);
}

/// What the upstream was not seen to hold now, it may hold when it is next asked.
#[test]
fn a_denial_without_vouching_ends_when_the_upstream_is_asked_again() {
    let mut case = good();
    case.evidence.scans.clear();
    let again = now() + days(1);
    case.evidence.held_upstream = TimedEvidence::until(false, again);
    assert_eq!(case.verdict().valid_until(), None, "nobody vouches");
    case.vouchings = vec![vouching(&[Requirement::Scan], ago(-100))];
    assert!(!case.verdict().is_allowed());
    assert_eq!(case.verdict().valid_until(), Some(again));
}

/// Bypasses 19 and 33: a remembered pass ends with its time and with its rulebook,
/// and does not hold before it was given.
#[test]
fn a_remembered_pass_holds_for_its_time_and_its_rulebook() {
    let verdict = good().verdict();
    let until = verdict.valid_until().unwrap();
    let standing = CachedVerdict {
        verdict: verdict.into(),
        seq: 1,
        judged_at: now(),
    };
    let before = now() - jiff::SignedDuration::from_secs(1);
    assert!(!standing.is_current(1, before));
    assert!(standing.is_current(1, now()) && standing.permit(now()).is_some());
    assert!(!standing.is_current(2, now()));
    assert!(!standing.is_current(1, until));
    assert!(standing.permit(until).is_none());
}

/// An earlier report that an advisory lowers is bad again once that ends, and with it what was
/// served since has no grace.
#[test]
fn grace_holds_no_longer_than_what_lowers_an_earlier_report() {
    let mut case = good();
    case.evidence.first_served = Some(ago(2));
    case.settings().grace_for_worse = days(3);
    case.rescan(|scan| {
        scan.received_at = ago(1);
        *scan = found(Severity::High, scan.clone());
    });
    case.evidence.first_reported = vec![FirstReported {
        manifest: case.subject.digest.clone(),
        scope: case.evidence.scans[0].scope.clone(),
        received_at: ago(3),
        finding: Finding {
            id: "GHSA-1".to_owned(),
            ..finding(Some(Severity::High))
        },
    }];
    let ends = now() + SignedDuration::from_hours(1);
    case.advisories = vec![Advisory {
        vulnerabilities: vec!["GHSA-1".to_owned()],
        expires: Some(ends),
        ..advisory(Effect::Lower(Severity::Negligible))
    }];
    let verdict = case.verdict();
    assert!(verdict.is_allowed(), "{verdict:?}");
    assert!(
        verdict.valid_until().unwrap() <= ends,
        "{:?}",
        verdict.valid_until()
    );
    case.now = ends;
    assert!(!case.verdict().is_allowed());
}
