//! A judgement in progress: its inputs, and what was found so far.

use jiff::{SignedDuration, Timestamp};

use super::effective_finding::RatingPolicy;
use super::{
    BreakGlassReach, Check, CheckOutcome, Denial, DenialReason, Evidence, Exposure, JudgedFinding,
    Rulebook, Settings, Subject, TimedEvidence, Verdict,
};
use crate::oci::Image;

/// The inputs of the rules.
pub(super) struct Judgement<'a> {
    pub(super) subject: &'a Subject,
    pub(super) evidence: &'a Evidence,
    pub(super) settings: &'a Settings,
    pub(super) exposure: Exposure,
    /// The findings that it turns on are wanted.
    pub(super) in_full: bool,
    pub(super) now: Timestamp,
    pub(super) rulebook: &'a Rulebook,
    pub(super) state: JudgementState,
}

/// What was found so far, for and against.
#[derive(Default)]
pub(super) struct JudgementState {
    denials: Vec<Denial>,
    checks: Vec<Check>,
    /// What is checked now is about this platform alone.
    platform: Option<String>,
    findings: Vec<JudgedFinding>,
    break_glass: Option<BreakGlassReach>,
    rests_on: Vec<String>,
    oldest: Option<Timestamp>,
    valid_until: Option<Timestamp>,
}

impl<'a> Judgement<'a> {
    /// What its findings are weighed by.
    pub(super) fn scale(&self) -> RatingPolicy<'a> {
        RatingPolicy {
            vulnerability_policy: &self.rulebook.vulnerability_policy,
            repository: &self.subject.repository,
            unrated: self.settings.unknown_severity,
            now: self.now,
        }
    }

    pub(super) fn deny(
        &mut self,
        reason: DenialReason,
        detail: impl Into<String>,
        next: impl Into<String>,
    ) {
        let denial = Denial::new(reason, detail, next);
        self.check(reason.code(), CheckOutcome::Failed, denial.detail.clone());
        self.state.denials.push(denial);
    }

    pub(super) fn check(
        &mut self,
        requirement: &'static str,
        outcome: CheckOutcome,
        text: impl Into<String>,
    ) {
        self.state.checks.push(Check {
            requirement: requirement.into(),
            outcome,
            text: text.into(),
            platform: self.state.platform.clone(),
        });
    }

    /// What is checked from here on is about one image of several; `None`: about all.
    pub(super) fn turn_to(&mut self, image: Option<&Image>) {
        let platform = image.and_then(Image::platform);
        self.state.platform = platform.map(ToString::to_string);
    }

    /// Notes that time alone may change the verdict at `moment`.
    pub(super) fn expires(&mut self, moment: Timestamp) {
        if self.now < moment {
            let until = self.state.valid_until.map_or(moment, |it| it.min(moment));
            self.state.valid_until = Some(until);
        }
    }

    /// What a piece of evidence says now; the verdict then ends with it.
    pub(super) fn consult<T>(&mut self, piece: &'a TimedEvidence<T>) -> Option<&'a T> {
        if let Some(until) = piece.until {
            self.expires(until);
        }
        let counts = piece.until.is_none_or(|until| self.now < until);
        counts.then_some(&piece.value)
    }

    /// Notes what the verdict rests on, by its id.
    pub(super) fn rests_on(&mut self, evidence: String) {
        if !self.state.rests_on.contains(&evidence) {
            self.state.rests_on.push(evidence);
        }
    }

    /// Notes a finding that the verdict turns on, where that is wanted.
    pub(super) fn note_finding(&mut self, finding: impl FnOnce() -> Option<JudgedFinding>) {
        if self.in_full {
            self.state.findings.extend(finding());
        }
    }

    /// Break-glass lifts so much.
    pub(super) fn break_glass(&mut self, reach: BreakGlassReach) {
        self.state.break_glass = self.state.break_glass.max(Some(reach));
    }

    /// Notes the moment from which a scan counts.
    pub(super) fn counts_from(&mut self, moment: Timestamp) {
        let oldest = self.state.oldest.map_or(moment, |it| it.min(moment));
        self.state.oldest = Some(oldest);
    }
}

impl JudgementState {
    /// Removes the denials of some reasons, and the checks that failed for them.
    pub(super) fn withdraw(&mut self, untold: impl Fn(DenialReason) -> bool) {
        self.denials.retain(|denial| !untold(denial.reason));
        self.checks
            .retain(|check| !DenialReason::parse(&check.requirement).is_some_and(&untold));
    }

    /// The findings that it turns on, the gravest first.
    pub(super) fn take_findings(&mut self) -> Vec<JudgedFinding> {
        let mut findings = std::mem::take(&mut self.findings);
        findings.sort_by(|a, b| {
            let denies = |it: &JudgedFinding| (it.outcome.denies(), it.severity);
            (denies(b), &a.id, &a.package, a.scan).cmp(&(denies(a), &b.id, &b.package, b.scan))
        });
        findings
    }

    /// Fills in a blank verdict, the gravest reason first.
    pub(super) fn into_verdict(mut self, blank: Verdict) -> Verdict {
        self.denials.sort_by_key(|denial| denial.reason);
        Verdict {
            denials: self.denials,
            break_glass: self.break_glass,
            checks: self.checks,
            evidence: self.rests_on,
            oldest_evidence: self.oldest,
            valid_until: self.valid_until,
            ..blank
        }
    }
}

/// `moment + duration`, or the end of time.
pub(super) fn after(moment: Timestamp, duration: SignedDuration) -> Timestamp {
    moment.checked_add(duration).unwrap_or(Timestamp::MAX)
}
