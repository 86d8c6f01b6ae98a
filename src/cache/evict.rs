//! Eviction, and the disk space that a fill reserves before it begins.

use std::io;
use std::sync::Arc;

use jiff::Timestamp;

use super::file_store::FileStore;
use super::space::{self, Reservation};
use super::store::{Cache, Inner};
use crate::oci::Digest;

/// What one round of eviction removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evicted {
    pub files: u64,
    pub bytes: u64,
}

impl Cache {
    /// Notes that an image was pulled: its manifest, config and layers age
    /// together from here on, so that eviction takes whole images rather than
    /// a part of each. What is not stored is passed over.
    pub fn touch_group(&self, digests: &[Digest], now: Timestamp) {
        for digest in digests {
            self.inner.blobs.touch(digest, now.as_second());
            self.inner.manifests.touch(digest, now.as_second());
        }
    }

    /// Brings the cache back under its bounds: least recently pulled first,
    /// blobs before manifests, never what is being read or filled.
    pub async fn evict_once(&self) -> Evicted {
        let evicted = self
            .inner
            .run_exclusively(|inner| Ok(inner.evict_for(0)))
            .await;
        evicted.unwrap_or_default()
    }

    /// Writes pull times that changed into the files, so that a restart knows
    /// them.
    pub async fn save_pulls_once(&self) {
        let inner = self.inner.clone();
        let save = tokio::task::spawn_blocking(move || {
            inner.blobs.save_pulls();
            inner.manifests.save_pulls();
        });
        let _done = save.await;
    }
}

impl Inner {
    /// Bytes stored, whatever they are.
    pub(super) fn stored(&self) -> u64 {
        self.blobs.bytes() + self.manifests.bytes()
    }

    /// Reserves `size` bytes of disk space, evicting if that helps. `None`: there is no
    /// space.
    pub(super) async fn make_room(self: &Arc<Self>, size: u64) -> io::Result<Option<Reservation>> {
        self.run_exclusively(move |inner| inner.reserve(size)).await
    }

    /// Runs `work` in the blocking pool under the reservation lock, to its end even if
    /// the caller is dropped.
    async fn run_exclusively<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let permit = self.room_lock.clone().acquire_owned().await;
        let (permit, inner) = (permit.map_err(io::Error::other)?, self.clone());
        let done = tokio::task::spawn_blocking(move || {
            let _alone = permit;
            work(&inner)
        });
        done.await.map_err(io::Error::other).flatten()
    }

    fn reserve(&self, size: u64) -> io::Result<Option<Reservation>> {
        if !self.space.could_hold(size, self.stored(), self.free()?) {
            return Ok(None);
        }
        self.evict_for(size);
        let fits = self.space.fits(size, self.stored(), self.free()?);
        Ok(fits.then(|| self.space.reserve(size)))
    }

    fn evict_for(&self, incoming: u64) -> Evicted {
        let free = self.free().unwrap_or(u64::MAX);
        let excess = self.space.excess(incoming, self.stored(), free);
        let mut evicted = Evicted::default();
        self.evict_from(&self.blobs, excess, &mut evicted);
        self.evict_from(&self.manifests, excess, &mut evicted);
        self.counters.evicted_files.add(evicted.files);
        self.counters.evicted_bytes.add(evicted.bytes);
        evicted
    }

    fn evict_from(&self, store: &FileStore, excess: u64, evicted: &mut Evicted) {
        if evicted.bytes >= excess {
            return;
        }
        for candidate in store.candidates() {
            if evicted.bytes >= excess {
                return;
            }
            if store.evict(&candidate, &self.temporary).is_some() {
                evicted.files += 1;
                evicted.bytes += candidate.size;
            }
        }
    }

    fn free(&self) -> io::Result<u64> {
        space::free(&self.path)
    }
}
