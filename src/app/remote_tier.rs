//! The remote tier of the cache, as the configuration names it, and what is wrong with its
//! credentials now.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::StartError;
use super::config::Config;
use crate::cache::{BlobStore, RemoteLimits, RemoteTier};
use crate::metrics::Metrics;

/// Why the file of credentials is not in force; the last good one holds.
#[derive(Default)]
pub(super) struct RemoteCredentialProblem(Mutex<Option<String>>);

impl RemoteCredentialProblem {
    pub(super) fn line(&self) -> Option<String> {
        let why = self.lock().clone()?;
        Some(format!(
            "credentials of the remote tier are not in force: {why}; the last good ones hold"
        ))
    }

    /// Whether that is new.
    pub(super) fn note(&self, why: Option<String>) -> bool {
        let mut problem = self.lock();
        let is_new = *problem != why;
        *problem = why;
        is_new
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tier that the configuration names.
pub(super) fn open(
    config: &Config,
    metrics: &Metrics,
) -> Result<Option<Arc<RemoteTier>>, StartError> {
    let Some(remote) = &config.cache.remote else {
        return Ok(None);
    };
    let limits = RemoteLimits {
        wait: remote.wait,
        redirect: remote.redirect,
    };
    let store = BlobStore::connect(&remote.options)?;
    let url = remote.options.url.to_string();
    let tier = RemoteTier::new(store, url, limits, metrics.clone());
    Ok(Some(Arc::new(tier)))
}
