//! Eviction, and the disk space that a fill reserves while its bytes come.

use std::io;
use std::sync::Arc;

use jiff::Timestamp;

use super::eviction_rules::{EvictionRules, Usage};
use super::file_store::{Candidate, FileStore};
use super::holder::ContentUse;
use super::space::{self, Reservation, WantedRoom};
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
    /// a part of each. What is not stored is passed over. The remote tier learns of it, too.
    pub fn touch_group(&self, digests: &[Digest], now: Timestamp) {
        for digest in digests {
            self.inner.blobs.touch(digest, now.as_second());
            self.inner.manifests.touch(digest, now.as_second());
            self.inner.share_pulled(digest, now);
        }
    }

    /// Brings the cache back under its bounds: what counts as pulled least recently
    /// first, blobs before manifests, never what is being read or filled.
    pub async fn evict_once(&self) -> Evicted {
        let evicted = self
            .inner
            .run_exclusively(|inner| Ok(inner.evict_for(0, None)))
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

    /// Notes a fill of `declared` bytes, if they can be stored under the rules of eviction.
    /// Nothing is evicted for what is only declared.
    pub(super) async fn announce(
        self: &Arc<Self>,
        declared: u64,
        used: ContentUse,
    ) -> io::Result<Option<Reservation>> {
        self.run_exclusively(move |inner| {
            let could = inner.could_hold(declared, &used)?;
            let announce = || inner.space.announce(&used.holder.environment, declared);
            Ok(could.then(announce))
        })
        .await
    }

    /// Makes room, evicting what may go for `used`.
    ///
    /// # Errors
    /// `StorageFull` where nothing more may go.
    pub(super) async fn make_room(
        self: &Arc<Self>,
        wanted: WantedRoom,
        used: ContentUse,
    ) -> io::Result<Reservation> {
        self.run_exclusively(move |inner| {
            inner.evict_for(wanted.bytes(), Some(&used));
            match inner
                .space
                .fits(wanted.bytes(), inner.stored(), inner.free()?)
            {
                true => Ok(inner.space.reserve(wanted)),
                false => Err(io::ErrorKind::StorageFull.into()),
            }
        })
        .await
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

    /// Whether `declared` bytes fit once all that may go for them has gone, beside what
    /// other fills of the environment still wait for.
    fn could_hold(&self, declared: u64, used: &ContentUse) -> io::Result<bool> {
        let (stored, free) = (self.stored(), self.free()?);
        let awaited = self.space.awaited(&used.holder.environment);
        let wanted = awaited.saturating_add(declared);
        let capacity = self.space.capacity(stored, free);
        if wanted > capacity {
            return Ok(false);
        }
        if self.space.fits(wanted, stored, free) {
            return Ok(true);
        }
        let candidates = [self.blobs.candidates(), self.manifests.candidates()];
        let candidates: Vec<Candidate> = candidates.into_iter().flatten().collect();
        let rules = self.rules(Some(used), &candidates, capacity);
        let may_go = candidates
            .iter()
            .filter(|candidate| rules.permits(candidate));
        let may_go: u64 = may_go.map(|candidate| candidate.size).sum();
        Ok(self.space.fits(
            wanted,
            stored.saturating_sub(may_go),
            free.saturating_add(may_go),
        ))
    }

    fn rules<'a>(
        &self,
        used: Option<&'a ContentUse>,
        candidates: &[Candidate],
        capacity: u64,
    ) -> EvictionRules<'a> {
        let mut usage = Usage::new();
        for Candidate { holder, size, .. } in candidates {
            let environment = holder.as_ref().map(|holder| holder.environment.clone());
            *usage.entry(environment).or_default() += size;
        }
        self.space.add_running(&mut usage);
        EvictionRules::new(used, usage, capacity)
    }

    fn evict_for(&self, incoming: u64, used: Option<&ContentUse>) -> Evicted {
        let (stored, free) = (self.stored(), self.free().unwrap_or(u64::MAX));
        let excess = self.space.excess(incoming, stored, free);
        if excess == 0 {
            return Evicted::default();
        }
        let mut candidates = self.blobs.candidates();
        let blobs = candidates.len();
        candidates.extend(self.manifests.candidates());
        let mut rules = self.rules(used, &candidates, self.space.capacity(stored, free));
        let (blobs, manifests) = candidates.split_at_mut(blobs);
        let mut evicted = Evicted::default();
        for (store, candidates) in [(&self.blobs, blobs), (&self.manifests, manifests)] {
            EvictionRules::sort(candidates);
            self.evict_from(store, candidates, &mut rules, (excess, &mut evicted));
        }
        self.counters.evicted_files.add(evicted.files);
        self.counters.evicted_bytes.add(evicted.bytes);
        evicted
    }

    fn evict_from(
        &self,
        store: &FileStore,
        candidates: &[Candidate],
        rules: &mut EvictionRules<'_>,
        (excess, evicted): (u64, &mut Evicted),
    ) {
        for candidate in candidates {
            if evicted.bytes >= excess {
                return;
            }
            if rules.permits(candidate) && store.evict(candidate, &self.temporary).is_some() {
                rules.gone(candidate);
                evicted.files += 1;
                evicted.bytes += candidate.size;
            }
        }
    }

    fn free(&self) -> io::Result<u64> {
        space::free(&self.path)
    }
}
