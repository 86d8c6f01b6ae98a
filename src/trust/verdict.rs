//! The answer of judgement, with the chain that led to it.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    BreakGlassReach, Denial, DenialReason, Exposure, ExposureSource, Mode, Permit, Subject,
};
use crate::oci::MediaType;

/// How one requirement came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckOutcome {
    Met,
    Failed,
    /// Met for now; it will fail unless something is done.
    Warned,
}

impl CheckOutcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Failed => "failed",
            Self::Warned => "warned",
        }
    }
}

/// One link of the chain that `explain` shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was asked: `scan`, `promotion`, `ceiling` …
    pub requirement: Cow<'static, str>,
    pub outcome: CheckOutcome,
    pub text: String,
    /// Of an index with several images, the platform of the one that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
}

/// The answer, with the first moment at which time alone could change it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub(super) subject: Subject,
    /// What the manifest was read as; `None` where none was read.
    #[serde(skip)]
    pub(super) media_type: Option<MediaType>,
    pub(super) mode: Mode,
    pub(super) exposure: Exposure,
    pub(super) exposure_source: ExposureSource,
    /// What speaks against it, gravest first; also what the mode lifts.
    pub(super) denials: Vec<Denial>,
    /// Break-glass is granted, and lifts so much.
    pub(super) break_glass: Option<BreakGlassReach>,
    pub(super) checks: Vec<Check>,
    /// Ids of the scans, promotions and revocations that it rests on.
    pub(super) evidence: Vec<String>,
    /// From when the oldest scan that it rests on counts.
    pub(super) oldest_evidence: Option<Timestamp>,
    pub(super) valid_until: Option<Timestamp>,
    /// Revision of the rulebook.
    pub(super) rulebook: u64,
}

impl Verdict {
    /// Nothing found yet, for or against.
    pub(super) fn blank(
        subject: &Subject,
        mode: Mode,
        exposure: (Exposure, ExposureSource),
        rulebook: u64,
    ) -> Self {
        Self {
            subject: subject.clone(),
            media_type: None,
            mode,
            exposure: exposure.0,
            exposure_source: exposure.1,
            denials: Vec::new(),
            break_glass: None,
            checks: Vec::new(),
            evidence: Vec::new(),
            oldest_evidence: None,
            valid_until: None,
            rulebook,
        }
    }

    /// A denial that needs no evidence: what is asked for cannot be judged.
    pub fn refused(
        subject: &Subject,
        mode: Mode,
        exposure: (Exposure, ExposureSource),
        rulebook: u64,
        denial: Denial,
    ) -> Self {
        Self {
            denials: vec![denial],
            ..Self::blank(subject, mode, exposure, rulebook)
        }
    }

    /// The same findings under another mode.
    #[must_use]
    pub fn under(&self, mode: Mode) -> Self {
        Self {
            mode,
            ..self.clone()
        }
    }

    /// Whether it may be pulled.
    pub fn is_allowed(&self) -> bool {
        self.denial().is_none()
    }

    /// The gravest reason that neither mode nor break-glass lifts.
    pub fn denial(&self) -> Option<&Denial> {
        self.denials
            .iter()
            .find(|denial| !self.lifts(denial.reason))
    }

    /// What would deny in `enforce`, but passes in this mode or by break-glass.
    pub fn lifted(&self) -> impl Iterator<Item = &Denial> {
        self.denials
            .iter()
            .filter(|denial| self.lifts(denial.reason))
    }

    fn lifts(&self, reason: DenialReason) -> bool {
        self.lifted_by_mode(reason) || self.lifted_by_break_glass(reason)
    }

    fn lifted_by_mode(&self, reason: DenialReason) -> bool {
        self.mode != Mode::Enforce && reason.class().lifted_by_mode()
    }

    fn lifted_by_break_glass(&self, reason: DenialReason) -> bool {
        self.break_glass
            .is_some_and(|reach| reach.lifts(reason.class()))
    }

    /// What lets a reason pass: `mode` or `break-glass`.
    pub fn lifted_by(&self, reason: DenialReason) -> Option<&'static str> {
        if self.lifted_by_mode(reason) {
            Some("mode")
        } else {
            self.lifted_by_break_glass(reason).then_some("break-glass")
        }
    }

    /// Whether it passes by the mode alone: in `enforce` it would be denied.
    pub fn is_by_mode(&self) -> bool {
        self.denials
            .iter()
            .any(|denial| self.lifted_by_mode(denial.reason))
    }

    /// Whether it passes by break-glass alone: the mode would deny it.
    pub fn is_by_break_glass(&self) -> bool {
        let denies = |denial: &Denial| !self.lifted_by_mode(denial.reason);
        self.is_allowed() && self.denials.iter().any(denies)
    }

    /// A permit for the subject, while the verdict allows it and holds.
    pub fn permit(&self, now: Timestamp) -> Option<Permit> {
        let current = self.valid_until.is_none_or(|until| now < until);
        let permit = || {
            Permit::new(
                self.subject.clone(),
                self.media_type.clone(),
                self.valid_until,
                self.is_by_mode(),
            )
        };
        (current && self.is_allowed()).then(permit)
    }

    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    pub fn mode(&self) -> Mode {
        self.mode
    }

    pub fn exposure(&self) -> Exposure {
        self.exposure
    }

    pub fn exposure_source(&self) -> &ExposureSource {
        &self.exposure_source
    }

    pub fn denials(&self) -> &[Denial] {
        &self.denials
    }

    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    pub fn evidence(&self) -> &[String] {
        &self.evidence
    }

    pub fn oldest_evidence(&self) -> Option<Timestamp> {
        self.oldest_evidence
    }

    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }

    pub fn rulebook(&self) -> u64 {
        self.rulebook
    }

    /// Whether a pull of it is worth a warning.
    pub fn has_warnings(&self) -> bool {
        let shown = self.mode == Mode::Warn && !self.denials.is_empty();
        shown || self.warnings().next().is_some()
    }

    /// Warnings for the client that pulls.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        self.checks
            .iter()
            .filter(|check| check.outcome == CheckOutcome::Warned)
            .map(|check| check.text.as_str())
    }
}
