//! Verified content in memory, for the hot path: manifests and small blobs, under one
//! limit of bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use jiff::Timestamp;
use quick_cache::sync::{Cache as Memory, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::cached_manifest::CachedManifest;
use super::file_store::PULL_TIME_STEP_SECONDS;
use super::remote::ContentKey;
use crate::oci::Digest;

/// The largest blob that memory holds, in bytes: configs, and small layers. From memory,
/// bytes are copied once to be sent; from a file, twice.
pub(super) const MAX_BLOB_BYTES: u64 = 1 << 20;

/// What a shard of the memory should hold at least, in bytes: several of the largest.
const MIN_SHARD_BYTES: u64 = 8 << 20;
/// Shards at most.
const MAX_SHARDS: u64 = 32;

/// The allocator takes about this part more than the length: it rounds sizes up, and fills pages
/// with whole ones.
const ALLOCATOR_PART: u64 = 4;

/// What the map needs to hold one, in bytes.
const ENTRY_OVERHEAD_BYTES: u64 = 512;

/// What one weighs on average, in bytes: only a hint for the first allocation.
const TYPICAL_BYTES: u64 = 4096;

/// A small blob as it came, under the digest it was verified against.
#[derive(Debug)]
pub struct CachedBlob {
    bytes: Bytes,
    /// When a pull of it was last noted with its file, in seconds since the epoch.
    noted: AtomicI64,
}

impl CachedBlob {
    /// `bytes` that have the digest.
    pub(super) fn verified(digest: &Digest, bytes: Vec<u8>, now: Timestamp) -> Option<Self> {
        digest.matches(&bytes).then(|| Self {
            bytes: Bytes::from(bytes),
            noted: AtomicI64::new(now.as_second()),
        })
    }

    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(super) fn note(&self, now: Timestamp) {
        self.noted.store(now.as_second(), Ordering::Relaxed);
    }

    /// Whether its pull was noted a short while ago, so that another need not be.
    pub(super) fn is_noted(&self, now: Timestamp) -> bool {
        let since = self.noted.load(Ordering::Relaxed).abs_diff(now.as_second());
        since < PULL_TIME_STEP_SECONDS.unsigned_abs()
    }
}

#[derive(Clone)]
enum Held {
    Manifest(Arc<CachedManifest>),
    Blob(Arc<CachedBlob>),
}

impl Held {
    fn bytes(&self) -> &Bytes {
        match self {
            Self::Manifest(manifest) => manifest.bytes(),
            Self::Blob(blob) => blob.bytes(),
        }
    }
}

/// Content weighs what its bytes take, and what the map needs to hold it.
#[derive(Clone)]
struct ContentWeigher;

impl Weighter<ContentKey, Held> for ContentWeigher {
    fn weight(&self, _: &ContentKey, held: &Held) -> u64 {
        let length = held.bytes().len() as u64;
        length + length / ALLOCATOR_PART + ENTRY_OVERHEAD_BYTES
    }
}

/// Manifests and small blobs. The same digest may be both.
pub(super) struct ContentMemory(Memory<ContentKey, Held, ContentWeigher>);

impl ContentMemory {
    /// For about `bytes` bytes of them.
    pub(super) fn new(bytes: u64) -> Self {
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let shards = (bytes / MIN_SHARD_BYTES).clamp(1, MAX_SHARDS);
        let mut options = OptionsBuilder::new();
        options
            .estimated_items_capacity(count(bytes / TYPICAL_BYTES).clamp(1, 1 << 16))
            .weight_capacity(bytes)
            .shards(count(shards));
        Self(match options.build() {
            Ok(options) => Memory::with_options(
                options,
                ContentWeigher,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            // Only of options that lack a capacity.
            Err(_) => Memory::with_weighter(1, bytes, ContentWeigher),
        })
    }

    pub(super) fn manifest(&self, digest: &Digest) -> Option<Arc<CachedManifest>> {
        match self.0.get(&ContentKey::manifest(digest))? {
            Held::Manifest(manifest) => Some(manifest),
            Held::Blob(_) => None,
        }
    }

    pub(super) fn keep_manifest(&self, manifest: Arc<CachedManifest>) {
        let key = ContentKey::manifest(manifest.digest());
        self.0.insert(key, Held::Manifest(manifest));
    }

    pub(super) fn blob(&self, digest: &Digest) -> Option<Arc<CachedBlob>> {
        match self.0.get(&ContentKey::blob(digest))? {
            Held::Blob(blob) => Some(blob),
            Held::Manifest(_) => None,
        }
    }

    pub(super) fn keep_blob(&self, digest: &Digest, blob: Arc<CachedBlob>) {
        self.0.insert(ContentKey::blob(digest), Held::Blob(blob));
    }

    /// What all of it weighs, in bytes.
    pub(super) fn weight(&self) -> u64 {
        self.0.weight()
    }
}
