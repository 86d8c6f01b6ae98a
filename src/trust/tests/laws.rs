//! What holds for every verdict, whatever evidence and policy.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::golden::{Case, finding, found, now, scan};
use super::worlds::{harm, scans, severity, some_advisory, some_revocation, world};
use crate::report::{Format, Incomplete, ReportBinding, Severity};
use crate::trust::{
    Check, Denial, DenialReason, FindingOutcome, Mode, ReasonClass, Scan, TimedEvidence, Verdict,
    denial_message,
};

/// All that a verdict says but until when.
fn said(verdict: &Verdict) -> (&[Denial], &[Check], &[String]) {
    (verdict.denials(), verdict.checks(), verdict.evidence())
}

/// The earliest, the latest and some moments between now and `until`.
fn moments(until: Option<Timestamp>, at: u32) -> Vec<Timestamp> {
    let end = until.unwrap_or(now() + SignedDuration::from_hours(20_000));
    let span = end.duration_since(now()).as_nanos();
    let part = span * i128::from(at) / i128::from(u32::MAX);
    let between = |nanos: i128| now() + SignedDuration::from_nanos_i128(nanos);
    vec![now(), between(part.min(span - 1)), between(span - 1)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    /// Bypass 19: time alone changes nothing before `valid_until`.
    #[test]
    fn holds_until_valid_until(case in world(), at: u32) {
        let verdict = case.verdict();
        prop_assert!(verdict.valid_until().is_none_or(|until| now() < until));
        for moment in moments(verdict.valid_until(), at) {
            let later = Case { now: moment, ..case.clone() }.verdict();
            prop_assert_eq!(said(&verdict), said(&later), "at {}", moment);
            prop_assert_eq!(verdict.is_allowed(), later.is_allowed());
            prop_assert_eq!(verdict.valid_until(), later.valid_until());
        }
    }

    #[test]
    fn another_finding_never_turns_a_denial_into_a_pass(
        case in world(), which: prop::sample::Index, severity in severity(),
    ) {
        let mut worse = case.clone();
        if !worse.evidence.scans.is_empty() {
            let scan = which.get(&case.evidence.scans).clone();
            let place = case.evidence.scans.iter().position(|held| held.id == scan.id).unwrap();
            let held = Arc::make_mut(&mut worse.evidence.scans[place]);
            held.findings.push(finding(Some(severity)));
        }
        prop_assert!(case.verdict().is_allowed() || !worse.verdict().is_allowed());
    }

    #[test]
    fn another_revocation_never_turns_a_denial_into_a_pass(
        case in world(), revocation in some_revocation(),
    ) {
        let mut worse = case.clone();
        worse.evidence.revocations.push(revocation);
        prop_assert!(case.verdict().is_allowed() || !worse.verdict().is_allowed());
    }

    #[test]
    fn another_tools_harm_never_turns_a_denial_into_a_pass(
        mut case in world(), image in prop::sample::select(vec!["amd", "arm"]),
    ) {
        let settings = case.settings();
        settings.grace_for_worse = SignedDuration::ZERO;
        settings.ceilings.external = settings.ceilings.external.min(Severity::High);
        settings.ceilings.internal = settings.ceilings.internal.min(Severity::High);
        case.exceptions.clear();
        case.advisories.clear();
        let mut worse = case.clone();
        let harm = found(Severity::Critical, scan(99, "other", image));
        worse.evidence.scans.push(Arc::new(harm));
        prop_assert!(case.verdict().is_allowed() || !worse.verdict().is_allowed());
    }

    /// Neither by naming no image nor with gaps.
    #[test]
    fn a_later_scan_that_says_less_for_itself_lifts_no_harm(
        mut case in world(), which: prop::sample::Index, gaps: bool,
    ) {
        if !case.evidence.scans.is_empty() {
            let mut named = Scan::clone(&**which.get(&case.evidence.scans));
            named.binding = ReportBinding::Manifest;
            named.format = Format::Trivy;
            named.incomplete.clear();
            let mut later = Scan { id: named.id + 1, scanned_at: now(), ..named.clone() };
            later.findings.clear();
            later.malware = 0;
            later.secrets = 0;
            match gaps {
                true => later.incomplete.push(Incomplete::NothingRecognised),
                false => later.binding = ReportBinding::Content,
            }
            case.evidence.scans = vec![Arc::new(named)];
            let before = case.verdict();
            case.evidence.scans.push(Arc::new(later));
            let after = case.verdict();
            let harm = |verdict: &Verdict| {
                let harm = verdict.denials().iter().map(|denial| denial.reason);
                harm.filter(|it| it.class() == ReasonClass::Harm).collect::<Vec<_>>()
            };
            prop_assert_eq!(harm(&before), harm(&after));
        }
    }

    #[test]
    fn losing_a_promotion_never_turns_a_denial_into_a_pass(
        case in world(), which: prop::sample::Index,
    ) {
        let mut fewer = case.clone();
        if !case.evidence.promotions.is_empty() {
            fewer.evidence.promotions.remove(which.index(case.evidence.promotions.len()));
        }
        prop_assert!(case.verdict().is_allowed() || !fewer.verdict().is_allowed());
    }

    #[test]
    fn losing_an_exception_never_turns_a_denial_into_a_pass(
        case in world(), which: prop::sample::Index,
    ) {
        let mut fewer = case.clone();
        if !case.exceptions.is_empty() {
            fewer.exceptions.remove(which.index(case.exceptions.len()));
        }
        prop_assert!(case.verdict().is_allowed() || !fewer.verdict().is_allowed());
    }

    #[test]
    fn another_advisory_that_blocks_or_raises_never_turns_a_denial_into_a_pass(
        case in world(), advisory in some_advisory(harm()),
    ) {
        let mut worse = case.clone();
        worse.advisories.push(advisory);
        prop_assert!(case.verdict().is_allowed() || !worse.verdict().is_allowed());
    }

    #[test]
    fn malware_never_turns_a_denial_into_a_pass(case in world(), which: prop::sample::Index) {
        let mut worse = case.clone();
        if !case.evidence.scans.is_empty() {
            let at = which.index(case.evidence.scans.len());
            Arc::make_mut(&mut worse.evidence.scans[at]).malware += 1;
        }
        prop_assert!(case.verdict().is_allowed() || !worse.verdict().is_allowed());
    }

    #[test]
    fn secrets_never_turn_a_denial_into_a_pass(case in world(), which: prop::sample::Index) {
        let mut worse = case.clone();
        if !case.evidence.scans.is_empty() {
            let at = which.index(case.evidence.scans.len());
            Arc::make_mut(&mut worse.evidence.scans[at]).secrets += 1;
        }
        prop_assert!(case.verdict().is_allowed() || !worse.verdict().is_allowed());
    }

    #[test]
    fn losing_break_glass_never_turns_a_denial_into_a_pass(case in world()) {
        let mut fewer = case.clone();
        fewer.evidence.break_glass.pop();
        prop_assert!(case.verdict().is_allowed() || !fewer.verdict().is_allowed());
    }

    /// What is told of a verdict is what it turns on.
    #[test]
    fn explained_in_full_it_is_the_same_verdict(case in world()) {
        let (verdict, findings) = case.verdict_in_full();
        prop_assert_eq!(&case.verdict(), &verdict);
        let harm = |denial: &Denial| {
            matches!(denial.reason, DenialReason::TooSevere | DenialReason::BlockedByAdvisory)
        };
        let by_finding = findings.iter().any(|finding| finding.outcome.denies());
        let undecidable = |denial: &Denial| denial.reason == DenialReason::Undecidable;
        let warned = verdict.warnings().any(|text| text.contains("denied from"));
        let told = verdict.denials().iter().any(harm) || warned;
        prop_assert!(!by_finding || told || verdict.denials().iter().any(undecidable));
        for finding in &findings {
            let by = finding.by.as_ref().map(|by| by.kind);
            match finding.outcome {
                FindingOutcome::Lowered | FindingOutcome::Blocked => {
                    prop_assert_eq!(by, Some("advisory"));
                }
                FindingOutcome::Accepted => prop_assert_eq!(by, Some("exception")),
                FindingOutcome::TooSevere => {}
            }
        }
    }

    /// Without an upstream that vouches for what has no scan, and with one scan
    /// for each tool and submitter, so that none replaces another.
    #[test]
    fn losing_a_harmless_scan_never_turns_a_denial_into_a_pass(mut case in world()) {
        case.vouchings.clear();
        for (scan, n) in case.evidence.scans.iter_mut().zip(0..) {
            Arc::make_mut(scan).submitter = format!("ci {n}");
        }
        let mut fewer = case.clone();
        if let Some(lost) = case.evidence.scans.last_mut() {
            let lost = Arc::make_mut(lost);
            lost.findings.clear();
            lost.malware = 0;
            lost.secrets = 0;
            lost.end_of_life = false;
            fewer.evidence.scans.pop();
        }
        prop_assert!(case.verdict().is_allowed() || !fewer.verdict().is_allowed());
    }

    /// The class table is all that a mode lifts.
    #[test]
    fn audit_and_warn_pass_all_but_withdrawn_and_structural(
        mut case in world(), mode in prop::sample::select(vec![Mode::Audit, Mode::Warn]),
    ) {
        case.settings().mode = mode;
        case.evidence.timed_mode = None;
        case.evidence.break_glass.clear();
        let verdict = case.verdict();
        let stands = |denial: &Denial| {
            matches!(denial.reason.class(), ReasonClass::Withdrawn | ReasonClass::Structural)
        };
        prop_assert_eq!(verdict.is_allowed(), !verdict.denials().iter().any(stands));
        case.settings().mode = Mode::Enforce;
        let enforced = case.verdict();
        prop_assert_eq!(said(&enforced), said(&verdict));
        prop_assert_eq!(enforced.is_allowed(), verdict.denials().is_empty());
    }

    #[test]
    fn the_order_of_evidence_changes_nothing(case in world(), turn in 0usize..5) {
        let mut turned = case.clone();
        let evidence = &mut turned.evidence;
        evidence.scans.reverse();
        let turn_by = |length: usize| turn % length.max(1);
        let by = turn_by(evidence.scans.len());
        evidence.scans.rotate_left(by);
        evidence.promotions.reverse();
        let by = turn_by(evidence.promotions.len());
        evidence.promotions.rotate_left(by);
        evidence.revocations.reverse();
        prop_assert_eq!(case.verdict(), turned.verdict());
    }

    /// Bypass 24: what was submitted without this repository counts for nothing.
    #[test]
    fn scans_without_this_repository_change_nothing(case in world(), more in scans()) {
        let mut other = case.clone();
        let strangers = more.iter().map(|scan| {
            let mut scan = (**scan).clone();
            let globs = super::golden::globs("registry.corp/other/*");
            scan.scope = crate::access::Scope::new(globs, Vec::new());
            scan.id += 1000;
            Arc::new(scan)
        });
        other.evidence.scans.extend(strangers);
        prop_assert_eq!(case.verdict(), other.verdict());
    }

    /// Bypass 2: nothing of a request but its digest takes part in judgement.
    #[test]
    fn the_same_question_gets_the_same_answer(case in world()) {
        prop_assert_eq!(case.verdict(), case.verdict());
    }

    /// Bypass 8: a `subject` exempts no image that runs.
    #[test]
    fn a_subject_exempts_nothing_that_runs(mut case in world(), severity in severity()) {
        prop_assume!(severity > Severity::Negligible);
        let plain = super::images::runnable("amd", "linux/amd64");
        case.evidence.closure = super::images::alone(plain.clone());
        case.subject.digest = plain.manifest.clone();
        let mut refers = case.clone();
        refers.evidence.closure = super::images::alone(super::images::referrer(plain, "base"));
        refers.evidence.subject_permitted = TimedEvidence::until(true, Timestamp::MAX);
        prop_assert_eq!(case.verdict(), refers.verdict());
    }

    #[test]
    fn a_denials_line_is_short_and_printable(
        reason in prop::sample::select(DenialReason::ALL.to_vec()),
        detail: String, next: String, link: String,
    ) {
        let line = denial_message(&Denial::new(reason, detail, next), &link);
        let most = if link.is_empty() { 500 } else { 200 };
        prop_assert!(line.len() < most, "{} of {line:?}", line.len());
        prop_assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        let head = format!("sekisho: {reason}: ");
        prop_assert!(line.starts_with(&head));
    }

    #[test]
    fn long_parts_leave_room_for_each_other(
        reason in prop::sample::select(DenialReason::ALL.to_vec()),
        detail in ".{0,400}", next in ".{0,400}", link in ".{0,300}",
    ) {
        let line = denial_message(&Denial::new(reason, detail, next), &link);
        let most = if link.is_empty() { 500 } else { 200 };
        prop_assert!(line.len() < most, "{} of {line:?}", line.len());
    }
}
