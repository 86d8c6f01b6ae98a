//! A cached verdict.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Permit, Verdict};
use crate::memory::{HeapSize, Validity};

/// A verdict that is remembered, with the revision of the evidence it rests on.
/// It is used only while evidence and rulebook are as they were and its time
/// has not run out.
#[derive(Clone, Debug)]
pub struct CachedVerdict {
    pub verdict: Arc<Verdict>,
    /// Sequence number of the newest change that was known when the evidence
    /// was read.
    pub seq: u64,
    /// When it was given. Before, a clock that was ahead must not let it answer.
    pub judged_at: Timestamp,
}

impl HeapSize for CachedVerdict {
    fn heap_size(&self) -> usize {
        self.verdict.heap_size()
    }
}

impl CachedVerdict {
    /// The time for which it answers: from when it was given until time alone
    /// could change it.
    pub fn validity(&self) -> Validity {
        Validity::until(self.judged_at, self.verdict.valid_until())
    }

    /// Whether it answers, under `rulebook`, at `now`.
    pub fn is_current(&self, rulebook: u64, now: Timestamp) -> bool {
        self.verdict.rulebook() == rulebook && self.validity().holds(now)
    }

    pub fn permit(&self, now: Timestamp) -> Option<Permit> {
        self.verdict.permit(now)
    }
}
