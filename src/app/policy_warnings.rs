//! What is worth a second look in the configuration and the files of policy, as they are
//! in force.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::config::{Config, Problem};

/// The warnings at the last look.
#[derive(Clone, Debug)]
pub(super) struct PolicyWarnings(Arc<Mutex<Arc<Vec<Problem>>>>);

impl PolicyWarnings {
    /// Those at the start.
    pub(super) fn of(config: &Config) -> Self {
        let warnings = config.all_warnings().cloned().collect();
        Self(Arc::new(Mutex::new(Arc::new(warnings))))
    }

    pub(super) fn now(&self) -> Arc<Vec<Problem>> {
        self.held().clone()
    }

    pub(super) fn replace(&self, warnings: Vec<Problem>) {
        *self.held() = Arc::new(warnings);
    }

    fn held(&self) -> MutexGuard<'_, Arc<Vec<Problem>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
