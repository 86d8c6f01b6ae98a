//! Which files on disk are not in force.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::config::Invalid;

/// Which files on disk are not in force, as last seen.
#[derive(Clone, Debug, Default)]
pub(super) struct InvalidFiles(Arc<Mutex<Arc<Vec<Invalid>>>>);

impl InvalidFiles {
    pub(super) fn now(&self) -> Arc<Vec<Invalid>> {
        self.held().clone()
    }

    fn held(&self) -> MutexGuard<'_, Arc<Vec<Invalid>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what is seen now; returns what is new in it.
    pub(super) fn see(&self, seen: Vec<Invalid>) -> Vec<Invalid> {
        let before = std::mem::replace(&mut *self.held(), Arc::new(seen.clone()));
        let is_new = |file: &Invalid| !before.contains(file);
        seen.into_iter().filter(is_new).collect()
    }
}
