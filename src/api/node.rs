//! `/api/v1/node/…`: what the agent of a node asks for and tells. It lies at the registry
//! listeners, for the role `node`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where the snapshot lies.
pub const NODE_SNAPSHOT: &str = "/api/v1/node/snapshot";
/// Where an agent tells what happened on its node.
pub const NODE_EVENTS: &str = "/api/v1/node/events";
/// A whole snapshot, as [`SignedSnapshot::to_bytes`](crate::node_snapshot::SignedSnapshot::to_bytes) writes it.
pub const SNAPSHOT_MEDIA_TYPE: &str = "application/vnd.sekisho.node-snapshot";
/// What leads from the snapshot of `since` to the newest, as
/// [`SnapshotDelta::to_bytes`](crate::node_snapshot::SnapshotDelta::to_bytes) writes it.
pub const DELTA_MEDIA_TYPE: &str = "application/vnd.sekisho.node-snapshot-delta";
/// The most entries of each list of a batch.
pub const MAX_NODE_EVENTS: usize = 1000;

/// What happened on one node since its agent last told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeEventBatch {
    pub environment: String,
    pub node: String,
    /// Name and version of the runtime, as in `containerd v2.4.2`; absent: none is connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// The number of the snapshot in force; absent: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<u64>,
    /// Whether `started` is all that runs, in place of what was told before. Where that is
    /// more than one batch holds, the first alone says so.
    #[serde(default)]
    pub anew: bool,
    #[serde(default)]
    pub started: Vec<NodeContainer>,
    /// Identifiers of containers in which nothing runs any more. They come before `started`.
    #[serde(default)]
    pub ended: Vec<String>,
    #[serde(default)]
    pub denials: Vec<NodeDenial>,
    /// Denials that the agent had no room to keep.
    #[serde(default)]
    pub dropped: u64,
}

/// A container of a Pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeContainer {
    /// The runtime's identifier.
    pub id: String,
    pub namespace: String,
    pub pod: String,
    pub pod_uid: String,
    pub container: String,
    /// As the runtime names it.
    pub image: String,
    /// Of index, manifest or config; those that are known.
    pub digests: Vec<String>,
}

/// A container that was refused, or would have been.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeDenial {
    /// When it was first asked for.
    pub at: Timestamp,
    /// How often since: the kubelet tries again.
    pub count: u64,
    /// Whether it was kept from starting.
    pub refused: bool,
    /// A reason code.
    pub reason: String,
    /// Of what it is said; absent: the runtime named no digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Why it is never refused, as in `static-pod`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exemption: Option<String>,
    #[serde(flatten)]
    pub container: NodeContainer,
}
