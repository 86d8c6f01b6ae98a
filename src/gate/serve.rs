//! Sending what is permitted: a permit in, bytes out.

use std::ops::Range;
use std::sync::Arc;

use super::{Gate, Pull, Refusal, ServedManifest, Source};
use crate::cache::{CachedManifest, FetchError};
use crate::metrics::CacheLabels;
use crate::oci::{Digest, Reference};
use crate::stream::Chunks;
use crate::trust::Permit;
use crate::upstream::UpstreamError;

impl Gate {
    /// A permitted manifest: memory, disk, upstream, in this order.
    pub(super) async fn serve_manifest(
        &self,
        pull: Pull<'_>,
        permit: Permit,
    ) -> Result<ServedManifest, Refusal> {
        let cached = self.cache.load_manifest(permit.digest(), pull.now).await;
        let (manifest, source) = match cached {
            Some(manifest) => (manifest, Source::Cache),
            None => (self.fetch_manifest(pull, &permit).await?, Source::Upstream),
        };
        self.count_look_up("manifest", source);
        Ok(ServedManifest {
            manifest,
            source,
            warnings: Vec::new(),
        })
    }

    /// One request for all who ask while it is under way.
    async fn fetch_manifest(
        &self,
        pull: Pull<'_>,
        permit: &Permit,
    ) -> Result<Arc<CachedManifest>, Refusal> {
        let repository = pull.target.repository.clone();
        let upstream = self.reachable(&repository)?.upstream.clone();
        let (cache, now) = (self.cache.clone(), pull.now);
        let key = (repository, permit.digest().clone());
        let (name, digest) = (key.0.name().clone(), key.1.clone());
        let flight = || async move {
            // The flight before this one may have landed since the look-up.
            if let Some(manifest) = cache.load_manifest(&digest, now).await {
                return Ok(manifest);
            }
            let reference = Reference::Digest(digest.clone());
            let fetched = match upstream.get_manifest(&name, &reference).await {
                Ok(fetched) => fetched,
                Err(UpstreamError::NotFound) => return Err(Refusal::ManifestUnknown),
                Err(error) => return Err(error.into()),
            };
            let stored = cache.store_manifest(&digest, fetched.media_type, fetched.bytes, now);
            stored.await.map_err(|error| fetch_failed(&error))
        };
        self.manifests.join(&key, flight).await
    }

    /// Where a HEAD would be answered from, and whether a GET could be.
    pub(super) async fn blob_source(
        &self,
        pull: Pull<'_>,
        digest: &Digest,
    ) -> Result<Source, Refusal> {
        // In this order, so that one that is just being finished is seen.
        if self.cache.is_filling(digest) || self.cache.get(digest, pull.now).is_some() {
            return Ok(Source::Cache);
        }
        let repository = &pull.target.repository;
        let upstream = &self.reachable(repository)?.upstream;
        match upstream.head_blob(repository.name(), digest).await {
            Ok(_) => Ok(Source::Upstream),
            Err(UpstreamError::NotFound) => Err(Refusal::BlobUnknown),
            Err(error) => Err(error.into()),
        }
    }

    /// The bytes of a permitted blob. A cold one is fetched once for everyone
    /// who asks, and goes to the client while it is hashed and written.
    pub(super) async fn open_blob(
        &self,
        pull: Pull<'_>,
        permit: Permit,
        size: u64,
        range: Range<u64>,
    ) -> Result<(Chunks, Source), Refusal> {
        let digest = permit.digest();
        if let Some(blob) = self.cache.get(digest, pull.now) {
            self.count_look_up("blob", Source::Cache);
            return Ok((blob.chunks(range), Source::Cache));
        }
        self.count_look_up("blob", Source::Upstream);
        let repository = &pull.target.repository;
        let upstream = self.reachable(repository)?.upstream.clone();
        let (name, wanted) = (repository.name().clone(), digest.clone());
        let open = move |offset: u64| {
            let (upstream, name, wanted) = (upstream.clone(), name.clone(), wanted.clone());
            async move {
                let body = upstream.get_blob(&name, &wanted, offset).await?;
                Ok::<_, UpstreamError>(body.stream)
            }
        };
        match self.cache.fetch(digest, size, pull.now, open).await {
            Ok(blob) => Ok((blob.chunks(range), Source::Upstream)),
            Err(error) => Err(fetch_failed(&error)),
        }
    }

    fn count_look_up(&self, kind: &'static str, source: Source) {
        let result = match source {
            Source::Cache => "hit",
            Source::Upstream => "miss",
        };
        let labels = CacheLabels { kind, result };
        self.metrics.cache_requests.get_or_create(&labels).inc();
    }
}

fn fetch_failed(error: &FetchError) -> Refusal {
    match error.upstream::<UpstreamError>() {
        Some(UpstreamError::NotFound) => Refusal::BlobUnknown,
        Some(upstream) => upstream.clone().into(),
        None => Refusal::later(&error.to_string()),
    }
}
