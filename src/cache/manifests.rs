//! Manifests: in memory for the hot path, and on disk behind that.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;

use super::cached_manifest::{self, CachedManifest, read_verified};
use super::digests::VerifiedContent;
use super::error::FetchError;
use super::holder::ContentUse;
use super::remote::ContentKey;
use super::space::WantedRoom;
use super::store::{Cache, Inner};
use crate::oci::{Digest, MediaType};

impl Cache {
    /// A manifest that is in memory, and that judgement read as `judged`. Synchronous,
    /// opens no file, and does not count as a pull: that is for [`Cache::touch_group`]
    /// to say.
    pub fn manifest(
        &self,
        digest: &Digest,
        judged: Option<&MediaType>,
    ) -> Option<Arc<CachedManifest>> {
        let manifest = self.inner.memory.manifest(digest)?;
        let manifest = manifest.is_of(judged).then_some(manifest)?;
        self.inner.counters.manifest_hits.add(1);
        Some(manifest)
    }

    /// A manifest from memory or disk, as `judged`: what was stored under another type,
    /// for another repository or by an earlier answer, has the same bytes all the same.
    /// One that no longer has its digest is a miss, and removed.
    pub async fn load_manifest(
        &self,
        digest: &Digest,
        judged: Option<&MediaType>,
        used: ContentUse,
    ) -> Option<Arc<CachedManifest>> {
        let found = match self.inner.memory.manifest(digest) {
            Some(manifest) if manifest.is_of(judged) => Some(manifest),
            Some(other) => Some(self.remembered(other, judged)),
            None => {
                let read = self.read_manifest(digest, used).await;
                read.map(|manifest| self.remembered(Arc::new(manifest), judged))
            }
        };
        let counters = &self.inner.counters;
        match found {
            Some(_) => counters.manifest_hits.add(1),
            None => counters.manifest_misses.add(1),
        }
        found
    }

    /// A manifest of the remote tier, as `judged`: verified, and kept like one that came
    /// from upstream. Does not wait long; a wrong one is removed there.
    ///
    /// What a manifest is served as is never taken from there: its type is not part of what
    /// the digest proves.
    pub async fn load_remote_manifest(
        &self,
        digest: &Digest,
        judged: Option<&MediaType>,
        used: ContentUse,
    ) -> Option<Arc<CachedManifest>> {
        let (remote, judged) = (self.inner.remote.as_ref()?, judged?);
        let key = ContentKey::manifest(digest);
        let content = remote.read_manifest(&key, used.now).await?;
        let Some(manifest) = cached_manifest::parse(digest, content) else {
            remote.remove_wrong(&key, used.now).await;
            return None;
        };
        let bytes = manifest.bytes().clone();
        let stored = self.store_manifest(digest, judged.clone(), bytes, used);
        stored.await.ok()
    }

    async fn read_manifest(&self, digest: &Digest, used: ContentUse) -> Option<CachedManifest> {
        let (inner, wanted) = (self.inner.clone(), digest.clone());
        let read = move || inner.read_manifest(&wanted, &used);
        tokio::task::spawn_blocking(read).await.ok().flatten()
    }

    /// Puts the manifest into memory as `judged`.
    fn remembered(
        &self,
        manifest: Arc<CachedManifest>,
        judged: Option<&MediaType>,
    ) -> Arc<CachedManifest> {
        let manifest = match judged {
            Some(judged) if !manifest.is_of(Some(judged)) => Arc::new(manifest.retyped(judged)),
            _ => manifest,
        };
        self.inner.memory.keep_manifest(manifest.clone());
        manifest
    }

    /// Keeps a manifest, which judgement read as `media_type`: verified, recorded, in
    /// memory, and on disk if there is room.
    ///
    /// # Errors
    /// [`FetchError`] where its bytes are not those of the digest.
    pub async fn store_manifest(
        &self,
        digest: &Digest,
        media_type: MediaType,
        bytes: Bytes,
        used: ContentUse,
    ) -> Result<Arc<CachedManifest>, FetchError> {
        let filled = VerifiedContent::of(&bytes).verify(digest)?;
        (self.inner.records.on_verified)(filled, used.now)
            .await
            .map_err(FetchError::Unrecorded)?;
        let manifest = Arc::new(CachedManifest::new(digest.clone(), media_type, bytes));
        self.inner.memory.keep_manifest(manifest.clone());
        self.keep_manifest(manifest.clone(), used).await;
        Ok(manifest)
    }

    async fn keep_manifest(&self, manifest: Arc<CachedManifest>, used: ContentUse) {
        let (digest, now) = (manifest.digest().clone(), used.now);
        match self.inner.write_manifest(manifest, used).await {
            Ok(()) => self.inner.share(ContentKey::manifest(&digest), now),
            Err(error) => {
                self.inner.write_fault.failed(&error);
                tracing::warn!(manifest.digest = %digest, %error, "a manifest could not be kept");
            }
        }
    }
}

impl Inner {
    async fn write_manifest(
        self: &Arc<Self>,
        manifest: Arc<CachedManifest>,
        used: ContentUse,
    ) -> io::Result<()> {
        if self.manifests.contains(manifest.digest()) {
            return Ok(());
        }
        let Some(content) = manifest.to_file() else {
            return Ok(());
        };
        let size = content.len() as u64;
        if self.announce(size, used.clone()).await?.is_none() {
            return Ok(());
        }
        let wanted = WantedRoom::new(&used.holder.environment, size);
        let room = self.make_room(wanted, used.clone()).await?;
        let inner = self.clone();
        let write = move || {
            let _room = room;
            let temporary = inner.temporary.create()?;
            temporary.file().write_all_at(&content, 0)?;
            inner.manifests.store(temporary, manifest.digest(), &used)
        };
        let written = tokio::task::spawn_blocking(write).await;
        written.map_err(io::Error::other).flatten()
    }

    /// Reads and verifies a manifest on disk; removes a wrong one. Blocks.
    fn read_manifest(&self, digest: &Digest, used: &ContentUse) -> Option<CachedManifest> {
        let (file, size) = self.manifests.open(digest, used, &self.temporary)?;
        let manifest = read_verified(&file, size, digest);
        if manifest.is_none() {
            let _unlinked = self.manifests.remove(digest, &self.temporary);
        }
        manifest
    }
}
