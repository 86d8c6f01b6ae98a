//! How much was pulled and denied over time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

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
