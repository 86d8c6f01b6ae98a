//! Decisions as they come, as server-sent events.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::trust::{DenialReason, EnvironmentName};

/// Where decisions are followed: `GET` with a [`DecisionStreamQuery`].
pub const DECISION_STREAM: &str = "/api/v1/decisions/stream";

/// The event of one decision: a [`DecisionRecord`](super::DecisionRecord) as lists show
/// it. It comes again when its count has grown. Its id, where it has one, is what
/// `Last-Event-ID` takes.
pub const STREAM_DECISION: &str = "decision";
/// The event of what is not told: a [`StreamGap`].
pub const STREAM_GAP: &str = "gap";
/// The last event, where the server ends the stream: a [`StreamEnd`].
pub const STREAM_END: &str = "end";

/// Which decisions. `Last-Event-ID` goes before `since`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DecisionStreamQuery {
    /// Those given since that time come first; when absent, only what comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Those behind the event of that id come first, as with `Last-Event-ID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub environment: Option<EnvironmentName>,
    /// `denied`, `would-deny`, `break-glass` or `allowed`; several with commas between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// As for a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub reason: Option<DenialReason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// Address of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

/// Some decisions are not told: the reader was away for too long. The list has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StreamGap {
    /// At most so many, before the filters.
    pub skipped: u64,
}

/// Why a stream ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StreamEnd {
    pub reason: StreamEndReason,
    pub next_step: String,
}

/// The word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StreamEndReason {
    /// The reader took too little.
    TooSlow,
    /// The token expired or was revoked.
    Unauthenticated,
    /// The program stops.
    Stopping,
    /// The ledger cannot be read.
    Unavailable,
}
