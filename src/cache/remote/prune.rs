//! Removing what was not pulled for long: by one replica at a time, whoever wrote it.
//!
//! An object's age is that of its last pull: of its own last write, or of its mark. All
//! times are the store's own. It is walked shard by shard, so that memory does not grow
//! with the number of objects.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};

use super::blob_store::{BlobStore, ListedObject};
use super::content_key::{ALGORITHMS, ContentKey, KeptKind, PULLED};
use super::error::RemoteError;
use super::tier::RemoteTier;
use crate::metrics::RemoteOperation;
use crate::oci::{Algorithm, Digest};

/// What was pulled since is never removed, whatever the bounds say. More than the time
/// between two marks of the same content.
const NEVER_PRUNED_WITHIN: SignedDuration = SignedDuration::from_hours(24);
/// Of the bound on size, what is left after pruning, in tenths.
const LEFT_TENTHS: u64 = 9;

/// How much may stay, and for how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PruneBounds {
    /// Since it was pulled last.
    pub max_age: Option<SignedDuration>,
    /// In bytes.
    pub max_size: Option<u64>,
}

/// What one round removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub objects: u64,
    pub bytes: u64,
}

/// A part of the store that is walked at once.
type Shard = (Algorithm, String);

/// What lies in a shard.
struct ShardContent {
    objects: Vec<(ContentKey, ListedObject)>,
    marks: HashMap<Digest, Timestamp>,
}

impl ShardContent {
    fn pulled(&self, object: &ListedObject) -> Timestamp {
        let marked = self.marks.get(&object.digest).copied();
        marked.map_or(object.written, |marked| marked.max(object.written))
    }
}

impl RemoteTier {
    /// Removes what was pulled too long ago, and where more lies there than may, what was
    /// pulled least recently.
    ///
    /// # Errors
    /// [`RemoteError`] where the store broke off; what was removed before stays removed.
    pub async fn prune_once(
        &self,
        bounds: PruneBounds,
        now: Timestamp,
    ) -> Result<Pruned, RemoteError> {
        let store = self.store.load_full();
        let shards = self.noted(RemoteOperation::List, shards(&store)).await?;
        let by_age = bounds.max_age.and_then(|age| now.checked_sub(age).ok());
        let by_size = match bounds.max_size {
            Some(max_size) => self.cut_for_size(&store, &shards, max_size).await?,
            None => None,
        };
        let lately = now
            .checked_sub(NEVER_PRUNED_WITHIN)
            .unwrap_or(Timestamp::MIN);
        let mut pruned = Pruned::default();
        let Some(cut) = by_age.into_iter().chain(by_size).max() else {
            return Ok(pruned);
        };
        for shard in &shards {
            let one = self.prune_shard(&store, shard, cut.min(lately)).await?;
            pruned.objects += one.objects;
            pruned.bytes += one.bytes;
        }
        Ok(pruned)
    }

    /// The moment before which all must have been pulled last that goes, so that the rest
    /// fits; `None`: all fits.
    async fn cut_for_size(
        &self,
        store: &BlobStore,
        shards: &BTreeSet<Shard>,
        max_size: u64,
    ) -> Result<Option<Timestamp>, RemoteError> {
        // Bytes by the hour of the last pull.
        let mut hours: BTreeMap<i64, u64> = BTreeMap::new();
        for shard in shards {
            let content = self.read_shard(store, shard).await?;
            for (_, object) in &content.objects {
                let hour = content.pulled(object).as_second().div_euclid(3600);
                *hours.entry(hour).or_default() += object.size;
            }
        }
        if hours.values().sum::<u64>() <= max_size {
            return Ok(None);
        }
        let mut kept = 0_u64;
        for (hour, bytes) in hours.iter().rev() {
            kept = kept.saturating_add(*bytes);
            if kept > max_size / 10 * LEFT_TENTHS {
                let end = hour.saturating_add(1).saturating_mul(3600);
                return Ok(Timestamp::from_second(end).ok());
            }
        }
        Ok(None)
    }

    async fn prune_shard(
        &self,
        store: &BlobStore,
        shard: &Shard,
        cut: Timestamp,
    ) -> Result<Pruned, RemoteError> {
        let content = self.read_shard(store, shard).await?;
        let mut pruned = Pruned::default();
        for (key, object) in &content.objects {
            if content.pulled(object) >= cut || self.pulled_since(store, &key.digest, cut).await? {
                continue;
            }
            self.known.remove(key);
            self.noted(RemoteOperation::Remove, store.remove(key))
                .await?;
            pruned.objects += 1;
            pruned.bytes += object.size;
        }
        for (digest, marked) in &content.marks {
            if *marked < cut && !self.pulled_since(store, digest, cut).await? {
                let removed = store.remove_mark(digest);
                self.noted(RemoteOperation::Remove, removed).await?;
            }
        }
        Ok(pruned)
    }

    /// Whether a replica marked it since it was listed.
    async fn pulled_since(
        &self,
        store: &BlobStore,
        digest: &Digest,
        cut: Timestamp,
    ) -> Result<bool, RemoteError> {
        let marked = self
            .noted(RemoteOperation::Find, store.marked(digest))
            .await?;
        Ok(marked.is_some_and(|marked| marked >= cut))
    }

    async fn read_shard(
        &self,
        store: &BlobStore,
        (algorithm, name): &Shard,
    ) -> Result<ShardContent, RemoteError> {
        let mut objects = Vec::new();
        for kind in KeptKind::ALL {
            let listed = store.list(kind.folder(), *algorithm, name);
            for object in self.noted(RemoteOperation::List, listed).await? {
                let digest = object.digest.clone();
                objects.push((ContentKey { kind, digest }, object));
            }
        }
        let marks = store.list(PULLED, *algorithm, name);
        let marks = self.noted(RemoteOperation::List, marks).await?;
        let marks = marks.into_iter().map(|mark| (mark.digest, mark.written));
        Ok(ShardContent {
            objects,
            marks: marks.collect(),
        })
    }

    async fn noted<T>(
        &self,
        operation: RemoteOperation,
        request: impl Future<Output = Result<T, RemoteError>>,
    ) -> Result<T, RemoteError> {
        let done = self.in_time(request).await;
        self.note(operation, &done);
        done
    }
}

async fn shards(store: &BlobStore) -> Result<BTreeSet<Shard>, RemoteError> {
    let mut shards = BTreeSet::new();
    let folders = KeptKind::ALL.map(KeptKind::folder);
    for folder in folders.into_iter().chain([PULLED]) {
        for algorithm in ALGORITHMS {
            let names = store.shards(folder, algorithm).await?;
            shards.extend(names.into_iter().map(|name| (algorithm, name)));
        }
    }
    Ok(shards)
}
