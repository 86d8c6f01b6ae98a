//! The status: modes, listeners, upstreams, storage and warnings.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BreakGlassView, ModeView, ReplicaView};
use crate::oci::RegistryHost;
use crate::trust::{DenialReason, EnvironmentName, Exposure, Mode};

/// Where the status is read: `GET` a [`Status`].
pub const STATUS: &str = "/api/v1/status";

/// What [`Status::product`] says.
pub const PRODUCT: &str = "sekisho";

/// The status of the running program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Always `sekisho`; distinguishes it from another server at the same address.
    pub product: String,
    pub version: String,
    /// In hexadecimal.
    pub policy_revision: String,
    pub environments: Vec<EnvironmentStatus>,
    /// Images that are let through under a ticket.
    #[serde(default)]
    pub break_glass: Vec<BreakGlassView>,
    pub listeners: Vec<ListenerStatus>,
    /// The clusters whose Pods the webhook judges.
    #[serde(default)]
    pub clusters: Vec<ClusterStatus>,
    pub upstreams: Vec<UpstreamStatus>,
    pub ledger: LedgerStatus,
    #[serde(default)]
    pub audit: AuditStatus,
    pub cache: CacheStatus,
    /// Who is told without asking.
    #[serde(default)]
    pub notifications: Vec<NotifyTargetStatus>,
    /// The processes that serve the same ledger, the one that answers first.
    #[serde(default)]
    pub replicas: Vec<ReplicaView>,
    /// Of denials in the last hour, most frequent first.
    pub top_reasons: Vec<ReasonCount>,
    /// Since when those are counted, where that is later: what is on record of the time before
    /// this process started is counted too, unless it is too much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub counted_since: Option<Timestamp>,
    /// What runs and would be denied now, as far as it is judged again: it could not start
    /// another time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub running_denied: Vec<ReasonCount>,
    /// What is worth a second look: problems, and what is allowed.
    pub warnings: Vec<String>,
    /// Those of the warnings that need somebody now: certificates that end within 14
    /// days, upstreams that fail, files that are not in force, and what `/readyz` names.
    #[serde(default)]
    pub problems: Vec<String>,
}

/// An environment and what a denial does there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnvironmentStatus {
    #[schema(value_type = String)]
    pub name: EnvironmentName,
    /// The mode that holds now.
    #[schema(value_type = String)]
    pub mode: Mode,
    /// The timed mode, if one holds: until when, and under which ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<ModeView>,
}

/// Where nodes pull.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListenerStatus {
    pub address: String,
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    #[schema(value_type = String)]
    pub exposure: Exposure,
    pub tls: bool,
    /// `none`, `mtls` or `token`.
    pub auth: String,
    /// Until its certificate expires.
    pub certificate_expires_in_s: Option<i64>,
}

/// A cluster that asks the webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterStatus {
    pub name: String,
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    #[schema(value_type = String)]
    pub exposure: Exposure,
    /// Whether exposure paths to its Pods are watched: `not-asked` without access to its
    /// API, `followed`, or `partly`.
    pub ways: ExposureWatchState,
    /// What is not known, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How completely the exposure paths to a cluster's Pods are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = WaysState)]
pub enum ExposureWatchState {
    NotAsked,
    Followed,
    Partly,
}

impl ExposureWatchState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAsked => "not-asked",
            Self::Followed => "followed",
            Self::Partly => "partly",
        }
    }
}

/// A remote registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpstreamStatus {
    #[schema(value_type = String)]
    pub name: RegistryHost,
    pub state: UpstreamState,
    /// Of its last failure, as in `sekisho_upstream_failures_total`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What is wrong, if anything is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Requests that it still takes, as its last answer said; absent where none said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit_remaining: Option<i64>,
}

/// How it was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpstreamState {
    /// Answers.
    Up,
    /// Its last answer was a failure.
    BackingOff,
    /// Failed repeatedly, and is left alone for a while.
    Down,
    /// Was not asked yet.
    Unknown,
}

impl UpstreamState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::BackingOff => "backing-off",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

/// The trust records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LedgerStatus {
    /// Sequence number of the newest change that is followed.
    pub seq: u64,
    /// Since the ledger last confirmed it, in seconds.
    pub age_s: i64,
    /// From the last write by another process to its being in force here, in
    /// milliseconds; absent before there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_ms: Option<u64>,
    /// The index in memory is complete.
    pub loaded: bool,
    /// Why it cannot be written; absent when it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The records of decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditStatus {
    /// Decisions that wait for the audit log.
    pub waiting: usize,
    /// Decisions that wait for the ledger, where they are looked up.
    pub unindexed: usize,
    /// Why the audit log cannot be written; absent when it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// One of who is told without asking, and how the last message went from this process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotifyTargetStatus {
    pub name: String,
    /// Things that messages tell of which are not sent yet.
    pub waiting: u64,
    /// When it was last sent something; absent: not since the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub last_at: Option<jiff::Timestamp>,
    /// The status of its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it did not take the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The bytes on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CacheStatus {
    pub bytes: u64,
    pub max_bytes: u64,
    /// Free on its file system.
    pub free_bytes: Option<u64>,
    /// The tier behind it, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<RemoteTierStatus>,
}

/// The tier of bytes that replicas share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemoteTierStatus {
    pub url: String,
    /// Uploads and marks of pulls that wait.
    pub waiting: usize,
    /// How long the first of them has waited, in seconds.
    pub lag_s: i64,
    /// Why it is left alone; absent when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// How many images were denied for a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReasonCount {
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    #[schema(value_type = String)]
    pub reason: DenialReason,
    pub images: u64,
}
