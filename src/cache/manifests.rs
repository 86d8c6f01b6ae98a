//! Manifests: verbatim bytes with their media type, in memory for the hot
//! path, and on disk behind that.
//!
//! The media type stands in the first line of the file, so that both appear in
//! one rename.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use jiff::Timestamp;
use quick_cache::Weighter;

use super::digests::Filled;
use super::error::FetchError;
use super::store::{Cache, Inner};
use crate::oci::{Digest, MediaType};

/// A manifest as it came, under the digest it was verified against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedManifest {
    digest: Digest,
    media_type: MediaType,
    bytes: Bytes,
    /// Ready for the head of an answer.
    content_type: HeaderValue,
    digest_header: HeaderValue,
}

impl CachedManifest {
    fn new(digest: Digest, media_type: MediaType, bytes: Bytes) -> Self {
        let octets = HeaderValue::from_static("application/octet-stream");
        let empty = HeaderValue::from_static("");
        Self {
            content_type: HeaderValue::from_str(media_type.as_str()).unwrap_or(octets),
            digest_header: HeaderValue::try_from(digest.to_string()).unwrap_or(empty),
            digest,
            media_type,
            bytes,
        }
    }

    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The media type, as `Content-Type`.
    pub fn content_type(&self) -> &HeaderValue {
        &self.content_type
    }

    /// The digest, as `Docker-Content-Digest`.
    pub fn digest_header(&self) -> &HeaderValue {
        &self.digest_header
    }
}

pub(super) type Memory = quick_cache::sync::Cache<Digest, Arc<CachedManifest>, Weight>;

/// A manifest weighs its bytes and what the map needs to hold it.
#[derive(Clone)]
pub(super) struct Weight;

/// More than any registry takes is not read back from the disk.
const LARGEST: u64 = 64 * 1024 * 1024;

const OVERHEAD: u64 = 512;

/// What a manifest weighs on average: only a hint for the first allocation.
const TYPICAL: u64 = 4096;

impl Weighter<Digest, Arc<CachedManifest>> for Weight {
    fn weight(&self, _: &Digest, manifest: &Arc<CachedManifest>) -> u64 {
        manifest.bytes.len() as u64 + OVERHEAD
    }
}

/// Memory for about `bytes` bytes of manifests.
pub(super) fn memory(bytes: u64) -> Memory {
    let items = usize::try_from(bytes / TYPICAL).unwrap_or(usize::MAX);
    Memory::with_weighter(items.min(1 << 16), bytes, Weight)
}

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
        let filled = Filled::of(&bytes).verify(digest)?;
        (self.inner.on_filled)(filled)
            .await
            .map_err(FetchError::Unrecorded)?;
        let manifest = Arc::new(CachedManifest::new(digest.clone(), media_type, bytes));
        self.inner.memory.insert(digest.clone(), manifest.clone());
        self.keep_manifest(manifest.clone(), now).await;
        Ok(manifest)
    }

    async fn keep_manifest(&self, manifest: Arc<CachedManifest>, now: Timestamp) {
        let (inner, digest) = (self.inner.clone(), manifest.digest.clone());
        let write =
            tokio::task::spawn_blocking(move || inner.write_manifest(&manifest, now.as_second()));
        if let Err(error) = write.await.map_err(std::io::Error::other).flatten() {
            tracing::warn!(manifest.digest = %digest, %error, "a manifest could not be kept");
        }
    }
}

impl Inner {
    fn write_manifest(&self, manifest: &CachedManifest, pulled: i64) -> std::io::Result<()> {
        let media_type = manifest.media_type.as_str();
        if media_type.contains('\n') || self.manifests.contains(&manifest.digest) {
            return Ok(());
        }
        let size = (media_type.len() + 1 + manifest.bytes.len()) as u64;
        let Some(_room) = self.make_room(size)? else {
            return Ok(());
        };
        let temporary = self.workbench.create(size)?;
        let content = [media_type.as_bytes(), b"\n", &manifest.bytes].concat();
        temporary.file().write_all_at(&content, 0)?;
        self.manifests.shelve(temporary, &manifest.digest, pulled)
    }

    /// Reads and verifies a manifest on disk; removes a wrong one.
    fn read_manifest(&self, digest: &Digest, pulled: i64) -> Option<CachedManifest> {
        let (file, size) = self.manifests.open(digest, pulled, &self.workbench)?;
        let manifest = read_verified(&file, size, digest);
        if manifest.is_none() {
            let _buried = self.manifests.remove(digest, &self.workbench);
        }
        manifest
    }
}

/// A manifest in `file` that has the digest.
pub(super) fn read_verified(file: &File, size: u64, digest: &Digest) -> Option<CachedManifest> {
    let size = usize::try_from(size.min(LARGEST)).ok()?;
    let mut content = vec![0; size];
    file.read_exact_at(&mut content, 0).ok()?;
    parse(digest, content)
}

fn parse(digest: &Digest, content: Vec<u8>) -> Option<CachedManifest> {
    let line = content.iter().position(|byte| *byte == b'\n')?;
    let media_type = MediaType::new(std::str::from_utf8(&content[..line]).ok()?);
    let bytes = Bytes::from(content).slice(line + 1..);
    digest
        .matches(&bytes)
        .then(|| CachedManifest::new(digest.clone(), media_type, bytes))
}
