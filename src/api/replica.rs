//! The processes that serve the same ledger.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where they are listed: `GET` a [`ReplicaList`].
pub const REPLICAS: &str = "/api/v1/replicas";

/// The replicas, the one that answers first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplicaList {
    pub replicas: Vec<ReplicaView>,
}

/// A process that serves, or did within a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplicaView {
    /// Of the process: after a restart it is another.
    pub id: String,
    /// Of its machine, or of its Pod.
    pub name: String,
    pub version: String,
    #[schema(value_type = String)]
    pub started_at: Timestamp,
    /// Seconds since it last told of itself.
    pub seen_ago_s: i64,
    /// Changes of the ledger that it had not followed then, and another had.
    pub changes_behind: u64,
    /// It told of itself lately.
    pub live: bool,
    /// It is the one that answers.
    pub this: bool,
}
