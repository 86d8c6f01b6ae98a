//! The findings that decide a verdict.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::effective_finding::EffectiveFinding;
use super::{Advisory, Exception};
use crate::oci::Digest;
use crate::report::{Finding, Severity};

/// What became of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingOutcome {
    /// It denies: by its severity.
    TooSevere,
    /// It denies: by an advisory.
    Blocked,
    /// It is above the ceiling, and accepted.
    Accepted,
    /// It would be above the ceiling, had no advisory lowered it.
    Lowered,
}

/// The exception or advisory that decided a finding's outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AppliedPolicy {
    /// `exception` or `advisory`.
    pub kind: &'static str,
    pub id: String,
    pub reason: String,
    pub link: String,
    pub expires: Option<Timestamp>,
}

/// A finding that a verdict turns on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JudgedFinding {
    /// The image manifest it was found in.
    pub manifest: Digest,
    /// Id of the scan that found it.
    pub scan: i64,
    pub tool: String,
    pub outcome: FindingOutcome,
    /// As the scanner rated it.
    pub reported: Option<Severity>,
    /// As it counts.
    pub severity: Severity,
    /// By an advisory: no exception accepts it.
    pub raised: bool,
    pub id: String,
    pub aliases: Vec<String>,
    pub package: String,
    pub installed: String,
    pub fixed: Option<String>,
    /// The exception or advisory that decided the outcome; also an exception that has
    /// ended.
    pub by: Option<AppliedPolicy>,
}

impl AppliedPolicy {
    fn of_advisory(advisory: &Advisory) -> Self {
        Self {
            kind: "advisory",
            id: advisory.id.clone(),
            reason: advisory.reason.clone(),
            link: advisory.link.clone(),
            expires: advisory.expires,
        }
    }

    fn of_exception(exception: &Exception) -> Self {
        Self {
            kind: "exception",
            id: exception.id.clone(),
            reason: exception.reason.clone(),
            link: exception.link.clone(),
            expires: Some(exception.expires),
        }
    }

    /// Who decided the outcome: where an exception accepts what an advisory lowers already, it
    /// is the advisory.
    fn of(outcome: FindingOutcome, weight: &EffectiveFinding<'_>) -> Option<Self> {
        let (advisory, exception) = match outcome {
            FindingOutcome::Blocked => (weight.blocked_by, None),
            FindingOutcome::TooSevere => (weight.raised_by, weight.ended),
            FindingOutcome::Accepted => (None, weight.accepted_by),
            FindingOutcome::Lowered => (None, None),
        };
        let lowered = || weight.lowered_by.map(Self::of_advisory);
        advisory
            .map(Self::of_advisory)
            .or_else(|| exception.map(Self::of_exception))
            .or_else(lowered)
    }
}

impl FindingOutcome {
    /// `None`: the verdict does not turn on it.
    fn of(
        finding: &Finding,
        weight: &EffectiveFinding<'_>,
        ceiling: Severity,
        unknown: Severity,
    ) -> Option<Self> {
        let own = finding.severity.unwrap_or(unknown);
        if weight.blocked_by.is_some() {
            Some(Self::Blocked)
        } else if weight.exceeds(ceiling) {
            Some(Self::TooSevere)
        } else if weight.severity > ceiling {
            Some(Self::Accepted)
        } else if own > ceiling {
            Some(Self::Lowered)
        } else {
            None
        }
    }

    /// Whether it denies.
    pub const fn denies(self) -> bool {
        match self {
            Self::TooSevere | Self::Blocked => true,
            Self::Accepted | Self::Lowered => false,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooSevere => "too-severe",
            Self::Blocked => "blocked",
            Self::Accepted => "accepted",
            Self::Lowered => "lowered",
        }
    }
}

impl JudgedFinding {
    pub(super) fn of(
        scan: &super::Scan,
        finding: &Finding,
        weight: &EffectiveFinding<'_>,
        (ceiling, unknown): (Severity, Severity),
    ) -> Option<Self> {
        let outcome = FindingOutcome::of(finding, weight, ceiling, unknown)?;
        Some(Self {
            manifest: scan.manifest.clone(),
            scan: scan.id,
            tool: scan.tool.name.clone(),
            outcome,
            reported: finding.severity,
            severity: weight.severity,
            raised: weight.raised_by.is_some(),
            id: finding.id.clone(),
            aliases: finding.aliases.clone(),
            package: finding.package.clone(),
            installed: finding.installed.clone(),
            fixed: finding.fixed.clone(),
            by: AppliedPolicy::of(outcome, weight),
        })
    }
}
