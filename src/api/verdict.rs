//! Verdicts, with the chain of evidence behind them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::FindingView;
use crate::oci::{Digest, distinct};
use crate::trust::{
    Check, Denial, DenialReason, EnvironmentName, Exposure, ExposureSource, Mode, ReasonClass,
    Verdict, nameless_check,
};

/// Where a verdict is asked for: `GET` with a [`VerdictQuery`].
pub const VERDICTS: &str = "/api/v1/verdicts";

/// Which image, and for where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VerdictQuery {
    pub image: String,
    /// Absent: that of the gateway which the image names, or the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub environment: Option<EnvironmentName>,
    /// Absent: as a pull through the environment's listener would have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub exposure: Option<Exposure>,
    /// With the findings that the verdict turns on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub findings: bool,
    /// Read a host that is no upstream as this gateway's, under whatever name a client
    /// reaches it. To explain an image, not to prove one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub any_gateway: bool,
}

/// The answer: the same that a pull gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerdictView {
    pub allowed: bool,
    /// The image as it was asked for, with its host.
    pub image: String,
    #[schema(value_type = String)]
    pub digest: Digest,
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    pub exposure: ExposureView,
    #[schema(value_type = String)]
    pub mode: Mode,
    /// What speaks against it, gravest first.
    pub reasons: Vec<DenialView>,
    /// Everything that was asked of it.
    pub checks: Vec<CheckView>,
    /// The first moment at which time alone could change the answer.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_until: Option<Timestamp>,
    /// In hexadecimal.
    pub policy_revision: String,
    /// Ids of the scans and promotions that it rests on.
    pub evidence: Vec<String>,
    /// The line that a client is shown; empty for a pass.
    pub message: String,
    /// The findings that it turns on, gravest first, where they were asked for;
    /// 1000 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingView>,
    /// Findings beyond those that are listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_findings: usize,
}

/// Whether a count is left out of an answer.
pub(super) const fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// An exposure, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExposureView {
    #[schema(value_type = String)]
    pub value: Exposure,
    pub source: ExposureSourceKind,
    /// The reason that a rule of the configuration gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Where an exposure comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExposureSourceKind {
    /// The listener's own.
    Listener,
    /// An `[[exposures]]` entry of the configuration.
    Rule,
    /// The query of the verdict.
    Asked,
    /// What reaches the Pod in its cluster; the path is the reason.
    Cluster,
}

impl ExposureSourceKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listener => "listener",
            Self::Rule => "rule",
            Self::Asked => "asked",
            Self::Cluster => "cluster",
        }
    }
}

impl ExposureView {
    pub fn new(value: Exposure, source: &ExposureSource) -> Self {
        let (source, reason) = match source {
            ExposureSource::Listener => (ExposureSourceKind::Listener, None),
            ExposureSource::Rule(reason) => (ExposureSourceKind::Rule, Some(reason.clone())),
            ExposureSource::Asked => (ExposureSourceKind::Asked, None),
            ExposureSource::Cluster(path) => (ExposureSourceKind::Cluster, Some(path.clone())),
        };
        Self {
            value,
            source,
            reason,
        }
    }
}

/// One reason against it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DenialView {
    /// A stable word.
    #[schema(value_type = String)]
    pub reason: DenialReason,
    pub detail: String,
    pub next_step: String,
    /// It passes all the same.
    pub lifted: bool,
    /// What lets it pass: `mode` or `break-glass`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted_by: Option<String>,
}

/// One link of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckView {
    /// What was asked: `scan`, `promotion`, `ceiling` …
    pub requirement: String,
    /// `met`, `failed` or `warned`.
    pub outcome: String,
    pub text: String,
    /// Of an index with several images, the platform of the one that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
}

impl VerdictView {
    /// `image`: as it was asked for; `message`: the line that a client is shown,
    /// empty for a pass.
    pub fn new(verdict: &Verdict, image: String, message: String) -> Self {
        Self {
            allowed: verdict.is_allowed(),
            image,
            digest: verdict.subject().digest.clone(),
            environment: verdict.subject().environment.clone(),
            exposure: ExposureView::new(verdict.exposure(), verdict.exposure_source()),
            mode: verdict.mode(),
            reasons: denials(verdict),
            checks: checks(verdict),
            valid_until: verdict.valid_until(),
            policy_revision: format!("{:016x}", verdict.rulebook()),
            evidence: verdict.evidence().to_vec(),
            message,
            findings: Vec::new(),
            more_findings: 0,
        }
    }

    /// What it would be without what lets it pass: `in enforce it would be denied (too-severe)`.
    /// `None` where nothing speaks against it, or it is denied as it is.
    pub fn lifted(&self) -> Option<String> {
        let first = self.reasons.first().filter(|_| self.allowed)?;
        let codes = distinct(self.reasons.iter().map(|it| it.reason.code()));
        let where_denied = match first.lifted_by.as_deref() {
            Some("break-glass") => "without break-glass",
            Some(_) | None => "in enforce",
        };
        let codes = codes.join(", ");
        Some(format!("{where_denied} it would be denied ({codes})"))
    }

    /// What is to be done instead where no `--force` promotes what passes only for a while;
    /// `None` where it would.
    pub fn instead_of_force(&self) -> Option<&'static str> {
        let mut reasons = self.reasons.iter().map(|it| it.reason.class());
        let first = reasons.find(|it| !matches!(it, ReasonClass::Evidence | ReasonClass::Harm))?;
        Some(match first {
            ReasonClass::Withdrawn => "reinstate it first, or promote another",
            ReasonClass::OwnFailure => "try again when it can be decided",
            _ => "mend what its reasons name",
        })
    }

    /// Whether it is refused only because it cannot be said now: nobody's image is at fault,
    /// and the same question may be answered a little later.
    pub fn is_undecided(&self) -> bool {
        let mut standing = self.reasons.iter().filter(|it| !it.lifted).peekable();
        !self.allowed
            && standing.peek().is_some()
            && standing.all(|it| it.reason == DenialReason::Undecidable)
    }

    /// As it is told to who may not read what people wrote and granted.
    #[must_use]
    pub fn nameless(mut self) -> Self {
        self.checks.iter_mut().for_each(CheckView::forget_names);
        self
    }
}

impl CheckView {
    /// Leaves out who let it pass, and for which ticket.
    pub(super) fn forget_names(&mut self) {
        if let Some(nameless) = nameless_check(&self.requirement, &self.text) {
            self.text = nameless;
        }
    }
}

fn denials(verdict: &Verdict) -> Vec<DenialView> {
    let lifter = |reason| verdict.lifted_by(reason);
    let denials = verdict.denials().iter();
    denials
        .map(|denial| DenialView::new(denial, lifter(denial.reason)))
        .collect()
}

impl DenialView {
    pub fn new(denial: &Denial, lifted_by: Option<&str>) -> Self {
        Self {
            reason: denial.reason,
            detail: denial.detail.clone(),
            next_step: denial.next_step.clone(),
            lifted: lifted_by.is_some(),
            lifted_by: lifted_by.map(str::to_owned),
        }
    }
}

fn checks(verdict: &Verdict) -> Vec<CheckView> {
    verdict.checks().iter().map(Into::into).collect()
}

impl From<&Check> for CheckView {
    fn from(check: &Check) -> Self {
        Self {
            requirement: check.requirement.clone().into_owned(),
            outcome: check.outcome.as_str().to_owned(),
            text: check.text.clone(),
            platform: check.platform.clone(),
        }
    }
}
