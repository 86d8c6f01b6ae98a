//! A remembered verdict.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Permit, Verdict};

/// A verdict that is remembered, with the revision of the evidence it rests on.
/// It is used only while evidence and rulebook are as they were and its time
/// has not run out.
#[derive(Clone, Debug)]
pub struct Standing {
    pub verdict: Arc<Verdict>,
    /// Sequence number of the newest change that was known when the evidence
    /// was read.
    pub seq: u64,
}

impl Standing {
    /// Whether it still answers, under `rulebook`, at `now`.
    pub fn is_current(&self, rulebook: u64, now: Timestamp) -> bool {
        self.verdict.rulebook() == rulebook
            && self.verdict.valid_until().is_none_or(|until| now < until)
    }

    pub fn permit(&self, now: Timestamp) -> Option<Permit> {
        self.verdict.permit(now)
    }
}
