//! Which files on disk are not in force.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::config::InvalidFile;

/// Problems of files that are told, at most.
const MAX_TOLD: usize = 20;

/// The policy files that were invalid at the last check.
#[derive(Clone, Debug, Default)]
pub(super) struct InvalidFiles(Arc<Mutex<Arc<Vec<InvalidFile>>>>);

impl InvalidFiles {
    pub(super) fn now(&self) -> Arc<Vec<InvalidFile>> {
        self.held().clone()
    }

    /// The first of their problems, in words, and how many more there are.
    pub(super) fn told(&self) -> (Vec<String>, usize) {
        let files = self.now();
        let problems = files.iter().flat_map(|file| &file.problems);
        let more = problems.clone().count().saturating_sub(MAX_TOLD);
        let told = problems.take(MAX_TOLD).map(ToString::to_string);
        (told.collect(), more)
    }

    fn held(&self) -> MutexGuard<'_, Arc<Vec<InvalidFile>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the list; returns the files that were not in it.
    pub(super) fn see(&self, seen: Vec<InvalidFile>) -> Vec<InvalidFile> {
        let before = std::mem::replace(&mut *self.held(), Arc::new(seen.clone()));
        let is_new = |file: &InvalidFile| !before.contains(file);
        seen.into_iter().filter(is_new).collect()
    }
}
