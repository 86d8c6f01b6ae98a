//! Sending a permitted blob: from memory, disk, the remote tier or its upstream.

use std::ops::Range;

use jiff::SignedDuration;

use super::failures::AskedAt;
use super::pull::Pull;
use super::refusal::Refusal;
use super::serve::{
    BlobContent, BlobPart, PermittedBlob, ServedBlob, ServedContent, ServedFrom, Server,
    fetch_failed, refused, seen_by_the_cache, used_by,
};
use crate::cache::{BlobOrigin, BlobRequest, BlobSpan, FetchError};
use crate::metrics::{ContentKind, LookUp};
use crate::oci::{Digest, Repository, RepositoryName};
use crate::stream::{Chunks, RangeUnsatisfiable};
use crate::trust::Permit;
use crate::upstream::{BlobStream, Upstream, UpstreamError};

/// Why a permitted blob was not sent.
pub(super) enum NotSent {
    Refused(Refusal),
    /// It has another length than the image says through which it was permitted: another
    /// image may say it rightly.
    OfOtherSize(Refusal),
}

impl From<Refusal> for NotSent {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl NotSent {
    fn of(error: &FetchError) -> Self {
        let seen = error.upstream::<UpstreamError>().cloned();
        let seen = seen.or_else(|| seen_by_the_cache(error));
        match seen {
            Some(failed) => Self::upstream(&failed),
            None => Self::Refused(fetch_failed(error)),
        }
    }

    /// What an upstream answered, or is remembered to have.
    fn upstream(error: &UpstreamError) -> Self {
        let refusal = refused(error, Refusal::BlobUnknown);
        match error {
            UpstreamError::LengthMismatch { .. } => Self::OfOtherSize(refusal),
            _ => Self::Refused(refusal),
        }
    }
}

impl Server {
    /// Whether something may be said of a blob's other digest, and it is not known which that
    /// is: what permits the blob before it is known may not afterwards.
    pub(super) fn lacks_other(&self, blob: &Digest) -> bool {
        self.cache.lacks_other(blob)
    }

    /// Sends a permitted blob: from the cache, else from upstream through it; or leads the
    /// client to where it lies.
    pub(super) async fn blob(
        &self,
        pull: Pull<'_>,
        blob: PermittedBlob,
        wanted: BlobPart,
    ) -> Result<ServedBlob, NotSent> {
        let PermittedBlob { permit, member } = blob;
        let size = member.size();
        self.cache
            .expect_length(permit.digest(), size)
            .map_err(|error| NotSent::of(&error))?;
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
    ) -> Result<ServedFrom, NotSent> {
        let (repository, digest) = (&request.source, &request.digest);
        // In this order, so that one that is just being finished is seen.
        let small = self.cache.small_blob(digest, request.size, &request.used);
        if small.await.is_some() || self.cache.is_filling(request) {
            return Ok(ServedFrom::Cache);
        }
        let stored = self.cache.get(request).await;
        if stored.map_err(|error| NotSent::of(&error))?.is_some() {
            return Ok(ServedFrom::Cache);
        }
        if self.cache.is_remote(request).await {
            return Ok(ServedFrom::Remote);
        }
        let reachable = self.upstreams.of(repository)?;
        let key = (repository.clone(), digest.clone());
        if let Some(error) = self.failed_blobs.get(&key, pull.now) {
            return Err(NotSent::upstream(&error));
        }
        let asked = AskedAt::begin(pull.now);
        let (upstream, size) = (&reachable.upstream, request.size);
        match upstream.has_blob(repository.name(), digest, size).await {
            Ok(()) => Ok(ServedFrom::Upstream),
            Err(error) => {
                self.note_failed_blob(&key, &error, asked, reachable.tag_ttl);
                Err(NotSent::upstream(&error))
            }
        }
    }

    /// What breaks off may go well at the next try, and a length is that of one image's word;
    /// the rest is remembered.
    fn note_failed_blob(
        &self,
        key: &(Repository, Digest),
        error: &UpstreamError,
        asked: AskedAt,
        tag_ttl: SignedDuration,
    ) {
        let is_of_size = matches!(error, UpstreamError::LengthMismatch { .. });
        if !error.is_transient() && !is_of_size {
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
    ) -> Result<(Chunks, ServedFrom), NotSent> {
        let small = self
            .cache
            .small_blob(&request.digest, request.size, &request.used);
        if let Some(blob) = small.await {
            self.count_look_up(ContentKind::Blob, LookUp::Hit);
            return Ok((Chunks::of_memory(blob.bytes(), range), ServedFrom::Cache));
        }
        let stored = self.cache.get(&request).await;
        if let Some(blob) = stored.map_err(|error| NotSent::of(&error))? {
            self.count_look_up(ContentKind::Blob, LookUp::Hit);
            return Ok((blob.chunks(range), ServedFrom::Cache));
        }
        self.count_look_up(ContentKind::Blob, LookUp::Miss);
        let (repository, digest) = (&request.source, &request.digest);
        let reachable = self.upstreams.of(repository)?;
        let upstream = reachable.upstream.clone();
        let key = (repository.clone(), digest.clone());
        if let Some(error) = self.failed_blobs.get(&key, pull.now) {
            return Err(NotSent::upstream(&error));
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
                Err(NotSent::of(&error))
            }
        }
    }
}

/// Begins to read what is asked for of a blob of `size` bytes.
async fn read_span(
    upstream: Upstream,
    name: RepositoryName,
    digest: Digest,
    size: u64,
    span: BlobSpan,
) -> Result<BlobStream, UpstreamError> {
    let offset = match span {
        BlobSpan::From(offset) => offset,
        // Held to its length already.
        BlobSpan::Only(part) => {
            let body = upstream.get_blob_part(&name, &digest, part).await?;
            return Ok(body.stream);
        }
        BlobSpan::Within(part) => {
            let body = upstream.get_blob_within(&name, &digest, size, part).await?;
            return Ok(body.stream);
        }
    };
    let body = upstream.get_blob(&name, &digest, size, offset).await?;
    match body.length.map(|length| offset.saturating_add(length)) {
        Some(actual) if actual != size => Err(UpstreamError::LengthMismatch {
            expected: size,
            actual,
        }),
        _ => Ok(body.stream),
    }
}
