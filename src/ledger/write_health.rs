//! Whether the ledger can be written, as its last write showed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::storage_fault::StorageFault;

/// Since when, and why, writes fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteFailure {
    pub since: Instant,
    pub fault: StorageFault,
}

/// What the last write showed.
#[derive(Default)]
pub(super) struct WriteHealth(Mutex<LastWrite>);

#[derive(Default)]
struct LastWrite {
    failure: Option<WriteFailure>,
    /// A write was given up, and nobody said why.
    doubtful: bool,
}

impl WriteHealth {
    /// A write was made.
    pub fn made(&self) {
        *self.last() = LastWrite::default();
    }

    /// A write failed for this; the time of the first failure in a row stays.
    pub fn failed(&self, fault: StorageFault) {
        let mut last = self.last();
        let since = last.failure.as_ref().map(|failure| failure.since);
        last.failure = Some(WriteFailure {
            since: since.unwrap_or_else(Instant::now),
            fault,
        });
    }

    /// A write was given up: refused, or failed in one of its steps.
    pub fn given_up(&self) {
        self.last().doubtful = true;
    }

    /// Whether only another write can show how it is.
    pub fn wants_probe(&self) -> bool {
        let last = self.last();
        last.doubtful || last.failure.is_some()
    }

    pub fn failure(&self) -> Option<WriteFailure> {
        self.last().failure.clone()
    }

    fn last(&self) -> MutexGuard<'_, LastWrite> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
