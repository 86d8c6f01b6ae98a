//! A snapshot as it was issued, ready to be sent.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::history::Said;
use crate::node_snapshot::{NodeSnapshot, SignedSnapshot};
use crate::oci::Digest;

/// Deltas that are kept ready, at most: all agents ask from the same few numbers.
const MAX_DELTAS: usize = 16;

/// A signed snapshot with its bytes.
pub(super) struct Issued {
    pub signed: SignedSnapshot,
    pub mark: Digest,
    pub whole: Bytes,
    deltas: Mutex<HashMap<(u64, Digest), Bytes>>,
}

impl Issued {
    pub(super) fn new(signed: SignedSnapshot) -> Self {
        Self {
            mark: signed.snapshot().mark(),
            whole: signed.to_bytes().into(),
            signed,
            deltas: Mutex::default(),
        }
    }

    pub(super) fn snapshot(&self) -> &NodeSnapshot {
        self.signed.snapshot()
    }

    pub(super) fn sequence(&self) -> u64 {
        self.snapshot().terms().sequence
    }

    /// What leads here from what was said under a number.
    pub(super) fn delta_from(&self, said: &Said) -> Bytes {
        self.delta((said.sequence, &said.mark), &said.snapshot)
    }

    /// What leads here from this very snapshot, issued earlier.
    pub(super) fn again(&self) -> Bytes {
        self.delta((self.sequence(), &self.mark), self.snapshot())
    }

    fn delta(&self, (from, mark): (u64, &Digest), old: &NodeSnapshot) -> Bytes {
        let mut deltas = self.deltas.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (from, mark.clone());
        if let Some(delta) = deltas.get(&key) {
            return delta.clone();
        }
        let bytes = Bytes::from(self.signed.delta_from(from, old).to_bytes());
        if deltas.len() >= MAX_DELTAS {
            deltas.clear();
        }
        deltas.insert(key, bytes.clone());
        bytes
    }
}
