//! Why a snapshot is not taken.

use jiff::Timestamp;

/// Why a snapshot, or a delta, is refused. What was held before stays in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    #[error("the snapshot cannot be read: {0}")]
    Unreadable(&'static str),
    #[error("the snapshot's signature fits none of the trusted keys")]
    Signature,
    #[error("the snapshot is of environment {0:?}")]
    OtherEnvironment(String),
    /// Somebody sends what was once true, or the gateway's ledger was restored.
    #[error("the snapshot's number {offered} lies before {held}, which is held")]
    Rollback { held: u64, offered: u64 },
    /// The same number, signed earlier: another replica's clock is behind. No harm is meant.
    #[error("the snapshot was signed at {offered}, before the one that is held")]
    SignedEarlier { offered: Timestamp },
    #[error("the snapshot was valid until {0}")]
    Expired(Timestamp),
    #[error("the delta begins at {from}, and {held} is held")]
    OtherBeginning { held: u64, from: u64 },
}
