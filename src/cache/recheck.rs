//! The slow walk over large stored blobs: what the disk has damaged is removed, and fetched
//! again when it is next asked for. Small blobs and manifests need none: they are verified
//! whenever they come into memory.

use std::sync::PoisonError;

use jiff::Timestamp;

use super::store::{Cache, Inner};

/// Read in one step, in bytes: 2 TiB in a week, and a few per cent of one core.
const BYTES_A_STEP: usize = 4 << 20;

impl Cache {
    /// Takes a step of the walk: removes damaged files that it comes to.
    pub async fn recheck_once(&self, now: Timestamp) {
        let inner = self.inner.clone();
        let step = tokio::task::spawn_blocking(move || inner.recheck(now));
        // One that does not end well is followed by the next.
        let _done = step.await;
    }
}

impl Inner {
    fn recheck(&self, now: Timestamp) {
        let mut walk = self.walk.lock().unwrap_or_else(PoisonError::into_inner);
        let mut room = BYTES_A_STEP;
        while room > 0 {
            let Some(mut blob) = walk.next(now, &self.blobs) else {
                break;
            };
            let digest = blob.digest.clone();
            match blob.read_on(&mut room) {
                Ok(false) => walk.current = Some(blob),
                Ok(true) if blob.proves_right() => {}
                // Who reads it now reads on from what is open, and finds it wrong by its digest.
                Ok(true) | Err(_) => drop(self.blobs.remove(&digest, &self.temporary)),
            }
        }
    }
}
