//! Snapshots and containers for tests.

use jiff::{SignedDuration, Timestamp};

use crate::node_snapshot::{
    AgentMode, NodeSnapshot, OnRevoked, SignedSnapshot, SnapshotKey, SnapshotTerms,
};
use crate::nri::{ContainerImage, ContainerInPod};
use crate::oci::Digest;

pub const ENVIRONMENT: &str = "production";

pub fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

pub fn key(seed: u8) -> SnapshotKey {
    SnapshotKey::from_seed(&[seed; 32]).unwrap()
}

pub fn digest(name: &str) -> Digest {
    Digest::sha256(name.as_bytes())
}

pub fn terms(sequence: u64, mode: AgentMode) -> SnapshotTerms {
    SnapshotTerms {
        environment: ENVIRONMENT.to_owned(),
        sequence,
        issued_at: now(),
        valid_until: now() + SignedDuration::from_hours(24),
        max_silence_seconds: 600,
        mode,
        on_revoked: OnRevoked::Report,
    }
}

/// Denies `bad`, and permits `good`.
pub fn snapshot(sequence: u64, mode: AgentMode) -> SignedSnapshot {
    let denied = [(digest("bad"), "revoked")];
    let snapshot = NodeSnapshot::new(terms(sequence, mode), denied, [digest("good")]);
    SignedSnapshot::sign(snapshot, &key(1))
}

/// A container whose image has these digests.
pub fn container(digests: &[&str]) -> ContainerInPod {
    ContainerInPod {
        id: "c1".to_owned(),
        name: "main".to_owned(),
        pod: "shop-1".to_owned(),
        namespace: "shop".to_owned(),
        pod_uid: "u-1".to_owned(),
        is_running: true,
        image: ContainerImage {
            name: "gate.corp/team/app:1".to_owned(),
            digests: digests.iter().map(|name| digest(name)).collect(),
        },
        ..ContainerInPod::default()
    }
}
