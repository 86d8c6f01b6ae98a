//! Findings that a verdict turns on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::oci::Digest;
use crate::report::Severity;
use crate::trust::{FindingOutcome, JudgedFinding};

/// The most findings that one answer lists.
pub const MAX_FINDINGS_SHOWN: usize = 1000;

/// One finding, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingView {
    /// `too-severe` and `blocked` deny; `accepted` and `lowered` would deny without the
    /// exception or advisory in `by`.
    #[schema(value_type = String)]
    pub outcome: FindingOutcome,
    /// Id of the vulnerability.
    pub id: String,
    pub aliases: Vec<String>,
    /// As it counts.
    #[schema(value_type = String)]
    pub severity: Severity,
    /// By the advisory in `by`: no exception accepts it.
    #[serde(default)]
    pub raised: bool,
    /// As the scanner rated it.
    #[schema(value_type = Option<String>)]
    pub reported: Option<Severity>,
    pub package: String,
    pub installed: String,
    /// The version that mends it.
    pub fixed: Option<String>,
    pub tool: String,
    /// Id of the scan, as evidence lists it.
    pub scan: String,
    /// The image manifest it was found in.
    #[schema(value_type = String)]
    pub manifest: Digest,
    /// The exception or advisory that decided the outcome; also an exception that has
    /// ended.
    pub by: Option<AppliedPolicyView>,
}

/// The exception or advisory that decided a finding's outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = WordView)]
pub struct AppliedPolicyView {
    /// `exception` or `advisory`.
    pub kind: String,
    pub id: String,
    pub reason: String,
    pub link: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
}

impl From<JudgedFinding> for FindingView {
    fn from(finding: JudgedFinding) -> Self {
        Self {
            outcome: finding.outcome,
            id: finding.id,
            aliases: finding.aliases,
            severity: finding.severity,
            raised: finding.raised,
            reported: finding.reported,
            package: finding.package,
            installed: finding.installed,
            fixed: finding.fixed,
            tool: finding.tool,
            scan: format!("scan:{}", finding.scan),
            manifest: finding.manifest,
            by: finding.by.map(|word| AppliedPolicyView {
                kind: word.kind.to_owned(),
                id: word.id,
                reason: word.reason,
                link: word.link,
                expires: word.expires,
            }),
        }
    }
}
