//! Recorded decisions against another policy.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::oci::Digest;
use crate::trust::{DenialReason, EnvironmentName, Outcome};

/// Where a policy is tried: `POST` a [`ReplayRequest`]. Nothing is recorded.
pub const REPLAYS: &str = "/api/v1/replays";

/// The longest body that is taken, in bytes: 16 MiB.
pub const MAX_REPLAY_BYTES: usize = 16 << 20;

/// A policy to try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// A configuration file; only its sections of policy are read.
    pub policy: String,
    /// Files of exceptions; absent: those that are in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exceptions: Option<Vec<PolicyText>>,
    /// Files of advisories; absent: those that are in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisories: Option<Vec<PolicyText>>,
    /// Decisions given at that time or later.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

/// A file's text under its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyText {
    pub name: String,
    pub text: String,
}

/// What would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayAnswer {
    /// Distinct images that were judged under both policies, on the evidence of now.
    pub judged: u64,
    /// Images that cannot be judged now: gone upstream, or unreadable.
    pub unknown: u64,
    /// Images of environments that the other policy does not have.
    pub homeless: u64,
    /// There were more decisions than are replayed at once.
    pub cut: bool,
    pub changes: Vec<ReplayedChange>,
}

/// One image that would be decided otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayedChange {
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    /// As it was asked for last.
    pub image: String,
    #[schema(value_type = String)]
    pub digest: Digest,
    /// How often that was decided.
    pub count: u64,
    pub before: VerdictSummaryView,
    pub after: VerdictSummaryView,
}

/// A verdict in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ToldView)]
pub struct VerdictSummaryView {
    /// `allowed`, `would-deny`, `break-glass` or `denied`.
    #[schema(value_type = String)]
    pub verdict: Outcome,
    #[schema(value_type = Vec<String>)]
    pub reasons: Vec<DenialReason>,
    /// The line that a client would read; empty for a pass.
    pub message: String,
}
