//! Advisories of the security department.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::PolicyEntryState;
use crate::oci::Digest;
use crate::report::Severity;
use crate::trust::{Advisory, Effect};

/// Where advisories are listed: `GET` an [`AdvisoryList`].
pub const ADVISORIES: &str = "/api/v1/advisories";

/// What was said of vulnerabilities, packages or digests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdvisoryView {
    #[schema(example = "SEC-2026-014")]
    pub id: String,
    pub vulnerabilities: Vec<String>,
    /// Names and package URLs.
    pub packages: Vec<String>,
    #[schema(value_type = Vec<String>)]
    pub digests: Vec<Digest>,
    /// `block`, `raise` or `lower`.
    pub effect: String,
    /// At least, for what is raised; at most, for what is lowered.
    #[schema(value_type = Option<String>)]
    pub severity: Option<Severity>,
    pub reason: String,
    pub link: String,
    /// The first moment at which it holds no more: of a last day, the begin of the next.
    /// `null`: until it is taken back.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
    pub state: PolicyEntryState,
}

impl AdvisoryView {
    pub fn new(advisory: &Advisory, now: Timestamp) -> Self {
        let (effect, severity) = match advisory.effect {
            Effect::Block => ("block", None),
            Effect::Raise(severity) => ("raise", Some(severity)),
            Effect::Lower(severity) => ("lower", Some(severity)),
        };
        Self {
            id: advisory.id.clone(),
            vulnerabilities: advisory.vulnerabilities.clone(),
            packages: advisory.packages.iter().map(ToString::to_string).collect(),
            digests: advisory.digests.clone(),
            effect: effect.to_owned(),
            severity,
            reason: advisory.reason.clone(),
            link: advisory.link.clone(),
            expires: advisory.expires,
            state: PolicyEntryState::of_advisory(advisory, now),
        }
    }
}

/// All advisories in force, and those that have ended and are still written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdvisoryList {
    pub advisories: Vec<AdvisoryView>,
    /// Files, or parts of the configuration, that are not in force as they stand: what was
    /// last good holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_in_force: Vec<String>,
}
