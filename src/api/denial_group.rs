//! Denials of the last hours, grouped: a thousand retries are one group with a count.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::oci::Digest;
use crate::trust::{DecisionId, DenialReason, EnvironmentName, Outcome};

/// Where denials are grouped: `GET` with a [`DenialGroupQuery`].
pub const DENIAL_GROUPS: &str = "/api/v1/denials";

/// The most groups that one answer lists.
pub const MAX_DENIAL_GROUPS: usize = 200;

/// Which denials. The group that was denied last comes first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DenialGroupQuery {
    /// Given at that time or later; the last hour when absent, the last day at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub environment: Option<EnvironmentName>,
    /// `denied` or `would-deny`; both when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub verdict: Option<Outcome>,
    /// As for decisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// One of the reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub reason: Option<DenialReason>,
    /// A part of the cluster, the namespace, the workload, the principal or the client's
    /// address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// How many groups are passed over: the `next` of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<usize>,
    /// 50 when absent, 200 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// Some groups, and what is not in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DenialGroupList {
    pub groups: Vec<DenialGroupView>,
    /// How many groups there are altogether.
    pub all_groups: usize,
    /// How often was denied altogether.
    pub denials: u64,
    /// The `offset` of what follows; absent behind the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<usize>,
    /// From when on none is missing: what came before was asked for, and is not counted.
    #[schema(value_type = String, format = DateTime)]
    pub complete_since: Timestamp,
    /// Decisions that wait to be listed.
    pub waiting: usize,
    /// Decisions of floods that are in the audit log alone, since the start.
    pub left_out: u64,
}

/// Denials of one image for one reason, in one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DenialGroupView {
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    #[schema(value_type = String)]
    pub verdict: Outcome,
    /// As it was asked for last.
    pub image: String,
    #[schema(value_type = Option<String>)]
    pub digest: Option<Digest>,
    /// The first reason, which they share.
    #[schema(value_type = Option<String>)]
    pub reason: Option<DenialReason>,
    pub count: u64,
    #[schema(value_type = String, format = DateTime)]
    pub first: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub last: Timestamp,
    /// The newest decision.
    #[schema(value_type = String)]
    pub id: DecisionId,
    pub detail: String,
    pub next_step: String,
    /// Who asks, the most frequent first; 5 at most.
    pub askers: Vec<AskerView>,
    /// Askers beyond those.
    pub more_askers: usize,
}

/// Who asks for an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AskerView {
    pub count: u64,
    pub principal: String,
    /// The principal is only claimed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unauthenticated: bool,
    /// Address of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// What would run it, as `Kind/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
}
