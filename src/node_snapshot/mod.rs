//! What a node's agent holds of an environment: which digests must not start, signed and
//! numbered. The gateway makes it, an agent checks it and keeps it; pure, so that both read
//! the same bytes in the same way.
//!
//! A snapshot is one line of JSON and the raw hashes behind it, written in one way only. Its
//! signature covers exactly these bytes. A delta carries the signature of the snapshot that
//! it leads to: whoever applies it makes these bytes and checks them, so a delta needs no
//! trust of its own.

mod bytes;
mod delta;
mod error;
mod key;
mod signed;
mod snapshot;
mod terms;
#[cfg(test)]
mod tests;

pub use delta::SnapshotDelta;
pub use error::SnapshotError;
pub use key::{SnapshotKey, SnapshotKeyError, SnapshotPublicKey};
pub use signed::SignedSnapshot;
pub use snapshot::{CANARY_REASON, NodeSnapshot, canary};
pub use terms::{AgentMode, OnRevoked, SnapshotTerms};
