//! What was decided, for the record.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Check, Denial, DenialReason, EnvironmentName, Exposure, ExposureSource, Mode, Subject,
};
use crate::oci::{Digest, ImageRef, RegistryHost};

/// An id of 128 random bits. Anyone who has it may read that one decision.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct DecisionId(String);

/// What is no id of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a decision's id is 32 lower-case hexadecimal characters")]
pub struct DecisionIdError;

impl TryFrom<String> for DecisionId {
    type Error = DecisionIdError;

    fn try_from(text: String) -> Result<Self, DecisionIdError> {
        Self::parse(&text).ok_or(DecisionIdError)
    }
}

impl DecisionId {
    /// Makes an id of 128 random bits.
    pub fn from_random(bits: u128) -> Self {
        Self(format!("{bits:032x}"))
    }

    /// Takes 32 lower-case hexadecimal characters.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (text.len() == 32 && text.bytes().all(hex)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Which door asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Door {
    Registry,
    Admission,
    /// The agent of a node.
    Node,
}

impl Door {
    pub const ALL: [Self; 3] = [Self::Registry, Self::Admission, Self::Node];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Admission => "admission",
            Self::Node => "node",
        }
    }
}

/// How a decision came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Allowed,
    /// Allowed by the mode; `enforce` would deny it.
    WouldDeny,
    /// Allowed by break-glass; else it would be denied.
    BreakGlass,
    Denied,
}

impl Outcome {
    pub const ALL: [Self; 4] = [
        Self::Allowed,
        Self::WouldDeny,
        Self::BreakGlass,
        Self::Denied,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::WouldDeny => "would-deny",
            Self::BreakGlass => "break-glass",
            Self::Denied => "denied",
        }
    }
}

/// Where in a cluster, or on a node, an image was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkloadLocation {
    /// Empty: an agent tells of its node alone.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub cluster: Arc<str>,
    pub namespace: Arc<str>,
    /// What would run it, as `Kind/name`: the Pod's owner, where it has one.
    pub workload: Arc<str>,
    /// Where an agent tells of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Arc<str>>,
    /// Likewise. Log stores have an object `container`, so it is logged under another name.
    #[serde(
        default,
        rename = "container_name",
        skip_serializing_if = "Option::is_none"
    )]
    pub container: Option<Arc<str>>,
}

fn is_empty(text: &str) -> bool {
    text.is_empty()
}

/// One line of the audit log. Identical denials within a minute are one
/// decision with a count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub id: DecisionId,
    pub time: Timestamp,
    /// How often it was given until now.
    pub count: u64,
    pub door: Door,
    /// Where a Pod would have run it; a pull says nothing of that.
    #[serde(flatten)]
    pub location: Option<WorkloadLocation>,
    pub environment: EnvironmentName,
    pub principal: String,
    /// The principal's name is not authenticated, as for a webhook without a client CA.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unauthenticated: bool,
    pub client: Option<String>,
    /// As it was asked for.
    pub image: String,
    pub upstream: Option<RegistryHost>,
    pub digest: Option<Digest>,
    pub verdict: Outcome,
    pub reasons: Vec<DenialReason>,
    /// The same in words, with what to do about each.
    #[serde(default)]
    pub denials: Vec<Denial>,
    /// The chain of checks, as it was then.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// The line that the client was shown; empty for a pass.
    pub message: String,
    pub mode: Mode,
    pub exposure: Exposure,
    pub exposure_source: ExposureSource,
    /// Revision of the rulebook, in hexadecimal.
    pub policy_revision: String,
    pub evidence: Vec<String>,
    /// Age of the oldest evidence, in seconds.
    pub evidence_age_s: Option<i64>,
    /// Age of what is known of the ledger, in seconds, when it is not fresh.
    pub ledger_age_s: Option<i64>,
    pub duration_us: u64,
}

impl Decision {
    /// What it was about; `None` where it named no image of an upstream, or one of
    /// which no digest was known.
    pub fn subject(&self) -> Option<Subject> {
        let image = ImageRef::parse(&self.image, self.upstream.as_ref()?).ok()?;
        Some(Subject {
            environment: self.environment.clone(),
            repository: image.repository().clone(),
            digest: self.digest.clone()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_travels_is_parsed() {
        let id = DecisionId::from_random(7);
        let text = serde_json::to_string(&id).unwrap();
        assert_eq!(text, format!("\"{:032x}\"", 7));
        assert_eq!(serde_json::from_str::<DecisionId>(&text).unwrap(), id);
        for text in [
            "\"\"",
            "\"../../x\"",
            "\"0000000000000000000000000000000G\"",
        ] {
            assert!(serde_json::from_str::<DecisionId>(text).is_err(), "{text}");
        }
    }
}
