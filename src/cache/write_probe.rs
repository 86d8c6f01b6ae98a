//! Tells that the cache's folder cannot be written, and finds out when it can be again.

use std::io;
use std::os::unix::fs::FileExt;

use super::store::{Cache, Inner};

/// What an attempt writes, in bytes: a full disk still has room for an empty file.
const PROBE_BYTES: usize = 4096;

impl Cache {
    /// Why the last attempt to keep something failed, until one succeeds.
    pub fn write_fault(&self) -> Option<String> {
        self.inner.write_fault.last()
    }

    /// Tries again where the last attempt failed: what was mended is told before somebody
    /// pulls something new.
    pub async fn probe_once(&self) {
        if self.write_fault().is_none() {
            return;
        }
        let inner = self.inner.clone();
        let tried = tokio::task::spawn_blocking(move || inner.probe()).await;
        match tried.map_err(io::Error::other).flatten() {
            Ok(()) => self.inner.write_fault.succeeded(),
            Err(error) => self.inner.write_fault.failed(&error),
        }
    }
}

impl Inner {
    fn probe(&self) -> io::Result<()> {
        let temporary = self.temporary.create()?;
        temporary.file().write_all_at(&[0; PROBE_BYTES], 0)
    }
}
