//! Decisions that wait for one of the two stores that they are written to.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::memory::HeapSize;
use crate::trust::Decision;

/// Decisions that wait for one store, at most.
const MAX_WAITING: usize = 16_384;
/// Their bytes at most.
const MAX_WAITING_BYTES: usize = 64 << 20;
/// Decisions written at once.
const MAX_BATCH: usize = 512;
/// Between tries to write a store that cannot be written.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// What waits, the oldest first.
#[derive(Default)]
pub(super) struct Backlog {
    waiting: VecDeque<Arc<Decision>>,
    bytes: usize,
    /// The store failed, and is left alone until then.
    retry_at: Option<Instant>,
}

impl Backlog {
    /// Whether more may come.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < MAX_WAITING && self.bytes < MAX_WAITING_BYTES
    }

    pub(super) fn add(&mut self, decisions: &[Arc<Decision>]) {
        for decision in decisions {
            self.bytes += decision.heap_size();
            self.waiting.push_back(decision.clone());
        }
    }

    /// Forgets the oldest until there is room again; how many those were.
    pub(super) fn shed(&mut self) -> usize {
        let before = self.waiting.len();
        while !self.has_room() {
            self.forget(1);
        }
        before - self.waiting.len()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What to write next; nothing while the store is left alone.
    pub(super) fn batch(&self) -> Vec<Arc<Decision>> {
        let rests = self.retry_at.is_some_and(|at| Instant::now() < at);
        let most = if rests { 0 } else { MAX_BATCH };
        self.waiting.iter().take(most).cloned().collect()
    }

    /// The oldest `count` are written, or cannot be.
    pub(super) fn forget(&mut self, count: usize) {
        for decision in self.waiting.drain(..count.min(self.waiting.len())) {
            self.bytes -= decision.heap_size();
        }
        self.retry_at = None;
    }

    /// The store failed.
    pub(super) fn rest(&mut self) {
        self.retry_at = Some(Instant::now() + RETRY_PAUSE);
    }

    /// Tries the store at once, whatever it said.
    pub(super) fn wake(&mut self) {
        self.retry_at = None;
    }

    /// When the store is to be tried again, if it failed.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at.filter(|_| !self.is_empty())
    }
}
