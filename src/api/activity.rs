//! How much was pulled and denied over time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::oci::Repository;
use crate::trust::{DenialReason, EnvironmentName, Outcome};

/// Where it is asked: `GET` with an [`ActivityQuery`].
pub const ACTIVITY: &str = "/api/v1/activity";

/// How far back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ActivityQuery {
    /// 1 when absent, 24 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<u32>,
}

/// Counts of equal steps of time, of this gateway alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActivityView {
    /// When the first step began.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// Length of a step, in seconds.
    pub step_s: i64,
    /// Since when it is counted, where that is later: since the gateway started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub counted_since: Option<Timestamp>,
    /// Absent for readers of some repositories alone: the counts are of all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environments: Option<Vec<EnvironmentActivity>>,
    /// Why was denied, the most frequent first; of the same time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<ReasonActivity>,
    /// Content found in the cache, and content that an upstream was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheActivityView>,
    /// Those that were pulled from and denied most, by all replicas.
    pub repositories: RepositoryActivity,
}

/// The repositories with most pulls and with most denials, of those that the reader sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RepositoryActivity {
    /// The most frequent first, 10 at most.
    pub pulled: Vec<RepositoryPulls>,
    /// The most frequent first, 10 at most.
    pub denied: Vec<RepositoryDenials>,
    /// Since when none is missing, where that is later than `from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub complete_since: Option<Timestamp>,
    /// Decisions of floods that are in the audit log alone, since the start.
    pub left_out: u64,
}

/// How often a repository was pulled from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RepositoryPulls {
    /// `host/name`.
    #[schema(value_type = String)]
    pub repository: Repository,
    /// Of each client the first pull of an image in an hour.
    pub pulls: u64,
}

/// How often pulls from a repository were denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RepositoryDenials {
    /// `host/name`.
    #[schema(value_type = String)]
    pub repository: Repository,
    pub denied: u64,
    /// What passed, and would be denied in `enforce`.
    pub would_deny: u64,
}

/// What was decided in an environment: a count for each step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnvironmentActivity {
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    pub allowed: Vec<u64>,
    pub would_deny: Vec<u64>,
    pub break_glass: Vec<u64>,
    pub denied: Vec<u64>,
}

/// How often was denied for a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReasonActivity {
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    /// `denied` or `would-deny`.
    #[schema(value_type = String)]
    pub verdict: Outcome,
    #[schema(value_type = String)]
    pub reason: DenialReason,
    pub count: u64,
}

/// How often content was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CacheActivityView {
    pub hits: u64,
    pub misses: u64,
}
