//! Blobs that can be sent at once: small ones from memory, others from files that are open
//! or whose paths the kernel holds.

use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::content_memory::{CachedBlob, MAX_BLOB_BYTES};
use super::fetch::Blob;
use super::file_store::StoredLookup;
use super::holder::ContentUse;
use super::store::{Cache, Inner};
use crate::oci::Digest;
use crate::stream::Chunks;

impl Cache {
    /// A range of a blob of `size` bytes, if it can be sent without waiting: a small one that
    /// memory holds, or a stored file that opens without the disk. Synchronous. A small
    /// one whose pull must be noted anew is left to [`Cache::small_blob`], and one whose other
    /// digest must be known first to [`Cache::get`].
    pub fn at_hand(
        &self,
        (digest, size): (&Digest, u64),
        range: Range<u64>,
        used: &ContentUse,
    ) -> Option<Chunks> {
        if self.lacks_other(digest) {
            return None;
        }
        let chunks = match size <= MAX_BLOB_BYTES {
            true => {
                let blob = self.inner.memory.blob(digest)?;
                let is_hot = blob.bytes().len() as u64 == size && blob.is_noted(used.now);
                is_hot.then(|| Chunks::of_memory(blob.bytes(), range))?
            }
            false => match self.inner.blobs.find(digest, used) {
                StoredLookup::Open(file, length) if length == size => {
                    Blob::stored(file, length).chunks(range)
                }
                _ => return None,
            },
        };
        self.inner.counters.blob_hits.add(1);
        Some(chunks)
    }

    /// A small stored blob of `size` bytes, from now on in memory. What the disk holds is
    /// verified again before; a wrong file is a miss, and removed.
    pub async fn small_blob(
        &self,
        digest: &Digest,
        size: u64,
        used: &ContentUse,
    ) -> Option<Arc<CachedBlob>> {
        if size > MAX_BLOB_BYTES || self.lacks_other(digest) {
            return None;
        }
        let blob = match self.inner.memory.blob(digest) {
            Some(blob) => {
                self.inner.blobs.note_pull(digest, used);
                blob.note(used.now);
                blob
            }
            None => self.read_small(digest, used).await?,
        };
        let is_whole = blob.bytes().len() as u64 == size;
        let blob = is_whole.then_some(blob)?;
        self.inner.counters.blob_hits.add(1);
        Some(blob)
    }

    async fn read_small(&self, digest: &Digest, used: &ContentUse) -> Option<Arc<CachedBlob>> {
        if !self.inner.blobs.contains(digest) {
            return None;
        }
        let (inner, wanted, used) = (self.inner.clone(), digest.clone(), used.clone());
        let read = move || inner.read_small(&wanted, &used);
        let read = tokio::task::spawn_blocking(read).await.ok().flatten();
        let blob = Arc::new(read?);
        self.inner.memory.keep_blob(digest, blob.clone());
        Some(blob)
    }
}

impl Inner {
    /// Reads and verifies a small blob on disk; removes a wrong one. Blocks.
    fn read_small(&self, digest: &Digest, used: &ContentUse) -> Option<CachedBlob> {
        let (file, size) = self.blobs.open(digest, used, &self.temporary)?;
        if size > MAX_BLOB_BYTES {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(size).ok()?];
        file.read_exact_at(&mut bytes, 0).ok()?;
        let blob = CachedBlob::verified(digest, bytes, used.now);
        if blob.is_none() {
            let _unlinked = self.blobs.remove(digest, &self.temporary);
        }
        blob
    }
}
