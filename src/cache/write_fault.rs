//! Whether what is fetched can be kept.

use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Why the last attempt to write to the cache's folder failed, until one succeeds. Pulls go
/// on without it, each from its upstream, so that nobody else would notice.
#[derive(Default)]
pub(super) struct WriteFault(Mutex<Option<String>>);

impl WriteFault {
    pub fn failed(&self, why: &impl Display) {
        *self.locked() = Some(why.to_string());
    }

    pub fn succeeded(&self) {
        *self.locked() = None;
    }

    pub fn last(&self) -> Option<String> {
        self.locked().clone()
    }

    fn locked(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
