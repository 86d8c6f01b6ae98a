//! Samples to who is told without asking.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a sample is sent: `POST` a [`NotifyTestRequest`].
pub const NOTIFY_TESTS: &str = "/api/v1/notifications/test";

/// To whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifyTestRequest {
    /// A `name` of `[[notify]]`; absent: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// How the samples got through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotifyTestAnswer {
    pub targets: Vec<NotifyTestView>,
}

/// How one got through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotifyTestView {
    pub name: String,
    /// Of the answer that took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why nobody took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    pub duration_ms: u64,
}
