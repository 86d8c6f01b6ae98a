//! What the gateway calls its answers to agents.

/// How a whole snapshot travels: as [`SignedSnapshot::to_bytes`](super::SignedSnapshot::to_bytes) writes it.
pub const SNAPSHOT_MEDIA_TYPE: &str = "application/vnd.sekisho.node-snapshot.v1";
/// How a delta travels: as [`SnapshotDelta::to_bytes`](super::SnapshotDelta::to_bytes) writes it.
pub const DELTA_MEDIA_TYPE: &str = "application/vnd.sekisho.node-delta.v1";
