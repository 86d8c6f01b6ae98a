//! Sending what is permitted: a permit in, bytes out.

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use url::Url;

use super::failures::{AskedAt, Failures};
use super::pull::{Halt, Lane, Pull};
use super::refusal::Refusal;
use super::upstreams::Upstreams;
use crate::cache::{Cache, CachedManifest, ContentUse, FetchError};
use crate::flight::SingleFlight;
use crate::metrics::{CacheLabels, ContentKind, ContentSource, LookUp, Metrics};
use crate::oci::{Closure, Digest, Reference, Repository};
use crate::stream::{ByteRange, Chunks, RangeUnsatisfiable};
use crate::trust::{ImageMember, Permit};
use crate::upstream::UpstreamError;

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
    pub(super) fn is_part(self) -> bool {
        matches!(self, Self::Range(_))
    }

    /// The bytes of a blob of `size` bytes that it means.
    pub(super) fn range(self, size: u64) -> Result<Range<u64>, RangeUnsatisfiable> {
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
    pub(super) cache: Arc<Cache>,
    pub(super) upstreams: Arc<Upstreams>,
    /// Manifests on their way from upstream.
    manifests: SingleFlight<(Repository, Digest), Result<FetchedManifest, Refusal>>,
    /// Permitted manifests, and blobs, that could not be had.
    failed_manifests: Arc<Failures>,
    pub(super) failed_blobs: Failures,
    /// What the fast lane serves, among the hits of the cache.
    hot_manifests: Counter,
    pub(super) hot_blobs: Counter,
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

    /// Marks an image and its blobs as used in the cache.
    pub(super) fn touch(&self, manifest: &Digest, closure: Option<&Closure>, now: Timestamp) {
        let image = closure.and_then(|closure| closure.image(manifest));
        let blobs = image.into_iter().flat_map(|image| image.blobs());
        let mut group: Vec<Digest> = blobs.map(|blob| blob.digest.clone()).collect();
        group.push(manifest.clone());
        self.cache.touch_group(&group, now);
    }

    pub(super) fn count_look_up(&self, kind: ContentKind, result: LookUp) {
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

/// For whom permitted content is used.
pub(super) fn used_by(permit: &Permit, now: Timestamp) -> ContentUse {
    let environment = permit.subject().environment.clone();
    ContentUse::of(environment, permit.is_by_mode(), now)
}

/// `absent` where the upstream does not have it.
pub(super) fn refused(error: &UpstreamError, absent: Refusal) -> Refusal {
    match error {
        UpstreamError::NotFound => absent,
        error => error.clone().into(),
    }
}

/// What a fetch came to: the upstream's failure, or one of our own disk.
pub(super) fn fetch_failed(error: &FetchError) -> Refusal {
    let told = error.upstream::<UpstreamError>().cloned();
    match told.or_else(|| seen_by_the_cache(error)) {
        Some(failed) => refused(&failed, Refusal::BlobUnknown),
        None => Refusal::later(&error.to_string()),
    }
}

/// A failure of the upstream's that shows only in the bytes.
pub(super) fn seen_by_the_cache(error: &FetchError) -> Option<UpstreamError> {
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
