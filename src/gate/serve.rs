//! Sending what is permitted: a permit in, bytes out.

use std::ops::Range;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use prometheus_client::metrics::counter::Counter;
use url::Url;

use super::failures::{AskedAt, Failures};
use super::pull::{Halt, Lane, Pull};
use super::refusal::Refusal;
use super::upstreams::Upstreams;
use crate::cache::{
    BlobOrigin, BlobRequest, BlobSpan, Cache, CachedManifest, ContentUse, FetchError,
};
use crate::flight::SingleFlight;
use crate::metrics::{CacheLabels, ContentKind, ContentSource, LookUp, Metrics};
use crate::oci::{Closure, Digest, Reference, Repository, RepositoryName};
use crate::stream::{ByteRange, Chunks, RangeUnsatisfiable};
use crate::trust::{ImageMember, Permit};
use crate::upstream::{BlobStream, Upstream, UpstreamError};

/// Where served bytes came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServedFrom {
    Cache,
    /// The remote tier.
    Remote,
    Upstream,
}

impl From<ServedFrom> for ContentSource {
    fn from(source: ServedFrom) -> Self {
        match source {
            ServedFrom::Cache => Self::Cache,
            ServedFrom::Remote => Self::Remote,
            ServedFrom::Upstream => Self::Upstream,
        }
    }
}

/// A manifest that may be sent, verbatim.
#[derive(Debug)]
pub struct ServedManifest {
    pub manifest: Arc<CachedManifest>,
    pub source: ServedFrom,
    /// Worth a `Warning: 299` each.
    pub warnings: Vec<String>,
}

/// How much of a blob is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobPart {
    /// HEAD.
    Nothing,
    Whole,
    /// Whole, and from here: a range was asked for that is ignored.
    WholeFromHere,
    Range(ByteRange),
}

impl BlobPart {
    fn is_part(self) -> bool {
        matches!(self, Self::Range(_))
    }

    /// The bytes of a blob of `size` bytes that it means.
    fn range(self, size: u64) -> Result<Range<u64>, RangeUnsatisfiable> {
        match self {
            Self::Range(range) => range.within(size),
            Self::Nothing | Self::Whole | Self::WholeFromHere => Ok(0..size),
        }
    }
}

/// A blob, or a range of it, that may be sent.
pub struct ServedBlob {
    pub digest: Digest,
    /// Of the whole blob, in bytes.
    pub size: u64,
    pub source: ServedFrom,
    pub content: ServedContent,
    /// Through which image it was permitted: for [`Gate::hot_blob`](super::Gate::hot_blob).
    pub member: ImageMember,
}

/// What goes to the client.
pub enum ServedContent {
    /// HEAD.
    Nothing,
    Bytes(BlobContent),
    /// Where it can read the whole blob by itself, for some minutes.
    At(Url),
}

/// The bytes of a blob.
pub struct BlobContent {
    pub chunks: Chunks,
    /// A range was asked for.
    pub is_part: bool,
}

/// A blob with the permit to serve it, and what the permit came from.
pub(super) struct PermittedBlob {
    pub(super) permit: Permit,
    pub(super) member: ImageMember,
}

/// A manifest that was not at hand, and where it came from.
type FetchedManifest = (Arc<CachedManifest>, ServedFrom);

/// Sends what is permitted, from the cache or through it.
pub(super) struct Server {
    cache: Arc<Cache>,
    upstreams: Arc<Upstreams>,
    /// Manifests on their way from upstream.
    manifests: SingleFlight<(Repository, Digest), Result<FetchedManifest, Refusal>>,
    /// Permitted manifests, and blobs, that could not be had.
    failed_manifests: Arc<Failures>,
    failed_blobs: Failures,
    /// What the fast lane serves, among the hits of the cache.
    hot_manifests: Counter,
    hot_blobs: Counter,
    metrics: Metrics,
}

impl Server {
    pub(super) fn new(cache: Arc<Cache>, upstreams: Arc<Upstreams>, metrics: Metrics) -> Self {
        Self {
            cache,
            upstreams,
            manifests: SingleFlight::default(),
            failed_manifests: Arc::new(Failures::new()),
            failed_blobs: Failures::new(),
            hot_manifests: hits(&metrics, ContentKind::Manifest),
            hot_blobs: hits(&metrics, ContentKind::Blob),
            metrics,
        }
    }

    /// A permitted manifest that memory holds. The layered lane looks for itself,
    /// in [`Server::manifest`].
    pub(super) fn in_memory(
        &self,
        permit: &Permit,
        lane: Lane,
    ) -> Result<Option<Arc<CachedManifest>>, Halt> {
        match lane {
            Lane::Layered => Ok(None),
            Lane::Memory => match self.cache.manifest(permit.digest(), permit.media_type()) {
                Some(manifest) => {
                    self.hot_manifests.inc();
                    Ok(Some(manifest))
                }
                None => Err(Halt::BeyondMemory),
            },
        }
    }

    /// A permitted manifest: memory, disk, remote tier, upstream, in this order.
    pub(super) async fn manifest(
        &self,
        pull: Pull<'_>,
        permit: Permit,
    ) -> Result<(Arc<CachedManifest>, ServedFrom), Refusal> {
        let (digest, judged) = (permit.digest(), permit.media_type());
        let used = used_by(&permit, pull.now);
        let cached = self.cache.load_manifest(digest, judged, used);
        let (manifest, source) = match cached.await {
            Some(manifest) => (manifest, ServedFrom::Cache),
            None => self.fetch_manifest(pull, &permit).await?,
        };
        let look_up = match source {
            ServedFrom::Cache => LookUp::Hit,
            ServedFrom::Remote | ServedFrom::Upstream => LookUp::Miss,
        };
        self.count_look_up(ContentKind::Manifest, look_up);
        Ok((manifest, source))
    }

    /// One request for all who ask while it is under way.
    async fn fetch_manifest(
        &self,
        pull: Pull<'_>,
        permit: &Permit,
    ) -> Result<FetchedManifest, Refusal> {
        let repository = pull.repository().clone();
        let reachable = self.upstreams.of(&repository)?;
        let (upstream, tag_ttl) = (reachable.upstream.clone(), reachable.tag_ttl);
        let (cache, now) = (self.cache.clone(), pull.now);
        let key = (repository, permit.digest().clone());
        if let Some(error) = self.failed_manifests.get(&key, now) {
            return Err(refused(&error, Refusal::ManifestUnknown));
        }
        let (failures, failed) = (self.failed_manifests.clone(), key.clone());
        let (name, digest) = (key.0.name().clone(), key.1.clone());
        let (judged, used) = (permit.media_type().cloned(), used_by(permit, now));
        let flight = || async move {
            // The flight before this one may have landed since the look-up.
            let stored = cache
                .load_manifest(&digest, judged.as_ref(), used.clone())
                .await;
            if let Some(manifest) = stored {
                return Ok((manifest, ServedFrom::Cache));
            }
            let remote = cache.load_remote_manifest(&digest, judged.as_ref(), used.clone());
            if let Some(manifest) = remote.await {
                return Ok((manifest, ServedFrom::Remote));
            }
            let reference = Reference::Digest(digest.clone());
            let asked = AskedAt::begin(now);
            let fetched = match upstream.get_manifest(&name, &reference).await {
                Ok(fetched) => fetched,
                Err(error) => {
                    failures.note(&failed, &error, asked, tag_ttl);
                    return Err(refused(&error, Refusal::ManifestUnknown));
                }
            };
            let media_type = judged.unwrap_or(fetched.media_type);
            let stored = cache.store_manifest(&digest, media_type, fetched.bytes, used);
            let stored = stored.await.map_err(|error| fetch_failed(&error))?;
            Ok((stored, ServedFrom::Upstream))
        };
        self.manifests.join(&key, flight).await
    }

    /// Sends a permitted blob: from the cache, else from upstream through it; or leads the
    /// client to where it lies.
    pub(super) async fn blob(
        &self,
        pull: Pull<'_>,
        blob: PermittedBlob,
        wanted: BlobPart,
    ) -> Result<ServedBlob, Refusal> {
        let PermittedBlob { permit, member } = blob;
        let size = member.size();
        let request = BlobRequest {
            source: pull.repository().clone(),
            digest: permit.digest().clone(),
            size,
            used: used_by(&permit, pull.now),
        };
        let digest = permit.digest().clone();
        if wanted == BlobPart::Nothing {
            let source = self.blob_source(pull, &request).await?;
            return Ok(ServedBlob {
                digest,
                size,
                source,
                content: ServedContent::Nothing,
                member,
            });
        }
        // Only whole blobs: a part is for who has the rest from here.
        if wanted == BlobPart::Whole
            && let Some(url) = self.cache.redirect(&request).await
        {
            return Ok(ServedBlob {
                digest,
                size,
                source: ServedFrom::Remote,
                content: ServedContent::At(url),
                member,
            });
        }
        let outside = |RangeUnsatisfiable| Refusal::RangeNotSatisfiable(size);
        let range = wanted.range(size).map_err(outside)?;
        let (chunks, source) = self.open_blob(pull, permit, request, range).await?;
        Ok(ServedBlob {
            digest,
            size,
            source,
            content: ServedContent::Bytes(BlobContent {
                is_part: wanted.is_part(),
                chunks,
            }),
            member,
        })
    }

    /// A permitted blob that can be sent without waiting. `None`: [`Server::blob`] knows.
    pub(super) fn blob_at_hand(
        &self,
        pull: Pull<'_>,
        blob: PermittedBlob,
        wanted: BlobPart,
    ) -> Option<ServedBlob> {
        let PermittedBlob { permit, member } = blob;
        let (digest, size) = (permit.digest().clone(), member.size());
        if wanted == BlobPart::Whole && self.cache.may_redirect(size) {
            return None;
        }
        let range = wanted.range(size).ok()?;
        let used = used_by(&permit, pull.now);
        let chunks = self.cache.at_hand((&digest, size), range, &used)?;
        let content = match wanted {
            BlobPart::Nothing => ServedContent::Nothing,
            _ => {
                self.hot_blobs.inc();
                let is_part = wanted.is_part();
                ServedContent::Bytes(BlobContent { chunks, is_part })
            }
        };
        Some(ServedBlob {
            digest,
            size,
            source: ServedFrom::Cache,
            content,
            member,
        })
    }

    /// Where a HEAD would be answered from, and whether a GET could be.
    async fn blob_source(
        &self,
        pull: Pull<'_>,
        request: &BlobRequest,
    ) -> Result<ServedFrom, Refusal> {
        let (repository, digest) = (&request.source, &request.digest);
        // In this order, so that one that is just being finished is seen.
        let small = self.cache.small_blob(digest, request.size, &request.used);
        if small.await.is_some() || self.cache.is_filling(request) {
            return Ok(ServedFrom::Cache);
        }
        let stored = self.cache.get(request).await;
        if stored.map_err(|error| fetch_failed(&error))?.is_some() {
            return Ok(ServedFrom::Cache);
        }
        if self.cache.is_remote(request).await {
            return Ok(ServedFrom::Remote);
        }
        let reachable = self.upstreams.of(repository)?;
        let key = (repository.clone(), digest.clone());
        if let Some(error) = self.failed_blobs.get(&key, pull.now) {
            return Err(refused(&error, Refusal::BlobUnknown));
        }
        let asked = AskedAt::begin(pull.now);
        let upstream = &reachable.upstream;
        match upstream.has_blob(repository.name(), digest).await {
            Ok(()) => Ok(ServedFrom::Upstream),
            Err(error) => {
                self.note_failed_blob(&key, &error, asked, reachable.tag_ttl);
                Err(refused(&error, Refusal::BlobUnknown))
            }
        }
    }

    /// What breaks off may go well at the next try; the rest is remembered.
    fn note_failed_blob(
        &self,
        key: &(Repository, Digest),
        error: &UpstreamError,
        asked: AskedAt,
        tag_ttl: SignedDuration,
    ) {
        if !error.is_transient() {
            self.failed_blobs.note(key, error, asked, tag_ttl);
        }
    }

    /// The bytes of a permitted blob. A cold one is fetched once for everyone
    /// who asks, and goes to the client while it is hashed and written.
    async fn open_blob(
        &self,
        pull: Pull<'_>,
        _permit: Permit,
        request: BlobRequest,
        range: Range<u64>,
    ) -> Result<(Chunks, ServedFrom), Refusal> {
        let small = self
            .cache
            .small_blob(&request.digest, request.size, &request.used);
        if let Some(blob) = small.await {
            self.count_look_up(ContentKind::Blob, LookUp::Hit);
            return Ok((Chunks::of_memory(blob.bytes(), range), ServedFrom::Cache));
        }
        let stored = self.cache.get(&request).await;
        if let Some(blob) = stored.map_err(|error| fetch_failed(&error))? {
            self.count_look_up(ContentKind::Blob, LookUp::Hit);
            return Ok((blob.chunks(range), ServedFrom::Cache));
        }
        self.count_look_up(ContentKind::Blob, LookUp::Miss);
        let (repository, digest) = (&request.source, &request.digest);
        let reachable = self.upstreams.of(repository)?;
        let upstream = reachable.upstream.clone();
        let key = (repository.clone(), digest.clone());
        if let Some(error) = self.failed_blobs.get(&key, pull.now) {
            return Err(refused(&error, Refusal::BlobUnknown));
        }
        let asked = AskedAt::begin(pull.now);
        let (name, wanted, size) = (repository.name().clone(), digest.clone(), request.size);
        let open =
            move |span| read_span(upstream.clone(), name.clone(), wanted.clone(), size, span);
        match self.cache.fetch(&request, open).await {
            Ok(blob) => {
                let source = match blob.origin() {
                    BlobOrigin::Remote => ServedFrom::Remote,
                    BlobOrigin::Stored | BlobOrigin::Filling | BlobOrigin::Uncached => {
                        ServedFrom::Upstream
                    }
                };
                Ok((blob.chunks(range), source))
            }
            Err(error) => {
                if let Some(seen_here) = seen_by_the_cache(&error) {
                    reachable.upstream.note_failure(&seen_here);
                }
                if let Some(failed) = error.upstream::<UpstreamError>() {
                    self.note_failed_blob(&key, failed, asked, reachable.tag_ttl);
                }
                Err(fetch_failed(&error))
            }
        }
    }

    /// Marks an image and its blobs as used in the cache.
    pub(super) fn touch(&self, manifest: &Digest, closure: Option<&Closure>, now: Timestamp) {
        let image = closure.and_then(|closure| closure.image(manifest));
        let blobs = image.into_iter().flat_map(|image| image.blobs());
        let mut group: Vec<Digest> = blobs.map(|blob| blob.digest.clone()).collect();
        group.push(manifest.clone());
        self.cache.touch_group(&group, now);
    }

    fn count_look_up(&self, kind: ContentKind, result: LookUp) {
        let labels = CacheLabels { kind, result };
        self.metrics.cache_requests.get_or_create(&labels).inc();
    }
}

/// The counter of what the cache had.
fn hits(metrics: &Metrics, kind: ContentKind) -> Counter {
    let result = LookUp::Hit;
    metrics
        .cache_requests
        .get_or_create_owned(&CacheLabels { kind, result })
}

/// Begins to read what is asked for of a blob of `size` bytes.
async fn read_span(
    upstream: Upstream,
    name: RepositoryName,
    digest: Digest,
    size: u64,
    span: BlobSpan,
) -> Result<BlobStream, UpstreamError> {
    let body = match span {
        BlobSpan::From(offset) => upstream.get_blob(&name, &digest, size, offset).await?,
        BlobSpan::Only(part) => upstream.get_blob_part(&name, &digest, part).await?,
    };
    Ok(body.stream)
}

/// For whom permitted content is used.
fn used_by(permit: &Permit, now: Timestamp) -> ContentUse {
    let environment = permit.subject().environment.clone();
    ContentUse::of(environment, permit.is_by_mode(), now)
}

/// `absent` where the upstream does not have it.
fn refused(error: &UpstreamError, absent: Refusal) -> Refusal {
    match error {
        UpstreamError::NotFound => absent,
        error => error.clone().into(),
    }
}

/// What a fetch came to: the upstream's failure, or one of our own disk.
fn fetch_failed(error: &FetchError) -> Refusal {
    let told = error.upstream::<UpstreamError>().cloned();
    match told.or_else(|| seen_by_the_cache(error)) {
        Some(failed) => refused(&failed, Refusal::BlobUnknown),
        None => Refusal::later(&error.to_string()),
    }
}

/// A failure of the upstream's that shows only in the bytes.
fn seen_by_the_cache(error: &FetchError) -> Option<UpstreamError> {
    Some(match error {
        FetchError::Stalled(seconds) => UpstreamError::stalled(*seconds),
        FetchError::WrongDigest { expected, actual } => UpstreamError::DigestMismatch {
            expected: expected.clone(),
            actual: actual.clone(),
        },
        FetchError::TooLong { expected, actual } | FetchError::TooShort { expected, actual } => {
            UpstreamError::LengthMismatch {
                expected: *expected,
                actual: *actual,
            }
        }
        FetchError::Upstream(_)
        | FetchError::Unrecorded(_)
        | FetchError::Storage(_)
        | FetchError::Remote(_)
        | FetchError::WrongRemote(_)
        | FetchError::Interrupted => return None,
    })
}
