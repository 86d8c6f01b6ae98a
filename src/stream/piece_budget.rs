//! How much memory may hold what several read of stored files.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The part of the budget that one file takes at most.
const PART_OF_A_FILE: u64 = 2;

/// A bound that files share, in bytes. What is taken is never taken away: a file gives it back
/// when it is closed, and until then others are read from the page cache.
#[derive(Debug)]
pub struct PieceBudget {
    bytes: u64,
    taken: AtomicU64,
}

impl PieceBudget {
    /// Of `bytes` bytes.
    pub fn new(bytes: u64) -> Arc<Self> {
        let taken = AtomicU64::new(0);
        Arc::new(Self { bytes, taken })
    }

    /// Bytes that files have taken.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// The share of a file that has taken none.
    pub(super) fn nothing_yet(self: Arc<Self>) -> TakenBytes {
        TakenBytes {
            budget: self,
            taken: AtomicU64::new(0),
        }
    }
}

/// What one file has taken; given back when dropped.
#[derive(Debug)]
pub(super) struct TakenBytes {
    budget: Arc<PieceBudget>,
    taken: AtomicU64,
}

impl TakenBytes {
    /// Whether so many bytes more may be kept at the moment.
    pub fn has_room_for(&self, bytes: u64) -> bool {
        let fits = |taken: &AtomicU64, most| taken.load(Ordering::Relaxed) + bytes <= most;
        fits(&self.taken, self.most()) && fits(&self.budget.taken, self.budget.bytes)
    }

    /// Whether so many bytes more may be kept, which then are taken.
    pub fn take(&self, bytes: u64) -> bool {
        if !add(&self.taken, bytes, self.most()) {
            return false;
        }
        let is_taken = add(&self.budget.taken, bytes, self.budget.bytes);
        if !is_taken {
            self.taken.fetch_sub(bytes, Ordering::Relaxed);
        }
        is_taken
    }

    fn most(&self) -> u64 {
        self.budget.bytes / PART_OF_A_FILE
    }
}

impl Drop for TakenBytes {
    fn drop(&mut self) {
        let taken = self.taken.load(Ordering::Relaxed);
        self.budget.taken.fetch_sub(taken, Ordering::Relaxed);
    }
}

/// Adds `bytes`, unless that would be more than `most`.
fn add(taken: &AtomicU64, bytes: u64, most: u64) -> bool {
    let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
    let more = |it: u64| it.checked_add(bytes).filter(|sum| *sum <= most);
    taken.fetch_update(set, fetch, more).is_ok()
}
