//! Manifests: in memory for the hot path, and on disk behind that.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use super::cached_manifest::{CachedManifest, read_verified};
use super::digests::VerifiedContent;
use super::error::FetchError;
use super::store::{Cache, Inner};
use crate::oci::{Digest, MediaType};

impl Cache {
    /// A manifest that is in memory. Synchronous, opens no file, and does not
    /// count as a pull: that is for [`Cache::touch_group`] to say.
    pub fn manifest(&self, digest: &Digest) -> Option<Arc<CachedManifest>> {
        let manifest = self.inner.memory.get(digest)?;
        self.inner.counters.manifest_hits.add(1);
        Some(manifest)
    }

    /// A manifest from memory or disk. One that no longer has its digest is a
    /// miss, and removed.
    pub async fn load_manifest(
        &self,
        digest: &Digest,
        now: Timestamp,
    ) -> Option<Arc<CachedManifest>> {
        if let Some(manifest) = self.manifest(digest) {
            return Some(manifest);
        }
        let (inner, wanted) = (self.inner.clone(), digest.clone());
        let read =
            tokio::task::spawn_blocking(move || inner.read_manifest(&wanted, now.as_second()));
        let Some(manifest) = read.await.ok().flatten() else {
            self.inner.counters.manifest_misses.add(1);
            return None;
        };
        self.inner.counters.manifest_hits.add(1);
        let manifest = Arc::new(manifest);
        self.inner.memory.insert(digest.clone(), manifest.clone());
        Some(manifest)
    }

    /// Keeps a manifest: verified, recorded, in memory, and on disk if there
    /// is room.
    pub async fn store_manifest(
        &self,
        digest: &Digest,
        media_type: MediaType,
        bytes: Bytes,
        now: Timestamp,
    ) -> Result<Arc<CachedManifest>, FetchError> {
        let filled = VerifiedContent::of(&bytes).verify(digest)?;
        (self.inner.on_verified)(filled, now)
            .await
            .map_err(FetchError::Unrecorded)?;
        let manifest = Arc::new(CachedManifest::new(digest.clone(), media_type, bytes));
        self.inner.memory.insert(digest.clone(), manifest.clone());
        self.keep_manifest(manifest.clone(), now).await;
        Ok(manifest)
    }

    async fn keep_manifest(&self, manifest: Arc<CachedManifest>, now: Timestamp) {
        let digest = manifest.digest().clone();
        if let Err(error) = self.inner.write_manifest(manifest, now.as_second()).await {
            tracing::warn!(manifest.digest = %digest, %error, "a manifest could not be kept");
        }
    }
}

impl Inner {
    async fn write_manifest(
        self: &Arc<Self>,
        manifest: Arc<CachedManifest>,
        pulled: i64,
    ) -> io::Result<()> {
        if self.manifests.contains(manifest.digest()) {
            return Ok(());
        }
        let Some(content) = manifest.to_file() else {
            return Ok(());
        };
        let Some(room) = self.make_room(content.len() as u64).await? else {
            return Ok(());
        };
        let inner = self.clone();
        let write = move || {
            let _room = room;
            let temporary = inner.temporary.create(content.len() as u64)?;
            temporary.file().write_all_at(&content, 0)?;
            inner.manifests.store(temporary, manifest.digest(), pulled)
        };
        let written = tokio::task::spawn_blocking(write).await;
        written.map_err(io::Error::other).flatten()
    }

    /// Reads and verifies a manifest on disk; removes a wrong one. Blocks.
    fn read_manifest(&self, digest: &Digest, pulled: i64) -> Option<CachedManifest> {
        let (file, size) = self.manifests.open(digest, pulled, &self.temporary)?;
        let manifest = read_verified(&file, size, digest);
        if manifest.is_none() {
            let _unlinked = self.manifests.remove(digest, &self.temporary);
        }
        manifest
    }
}
