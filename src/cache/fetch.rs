//! Blobs: from disk, from a fill, or streamed uncached.

use std::error::Error;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{BoxStream, Stream};
use tracing::Instrument;
use url::Url;

use super::blob_request::BlobRequest;
use super::error::FetchError;
use super::file_store::StoredLookup;
use super::fills::{Fill, FillGuard, FillKey, FillState, Joined};
use super::lengths::has_length;
use super::remote::ContentKey;
use super::store::{Cache, Inner};
use super::uncached::stream_uncached;
use super::upstream_content::{BlobSpan, Opener, opener};
use crate::oci::Digest;
use crate::spans::trace_span;
use crate::stream::{Chunks, GrowingFile, SharedFile};

/// How often a blob is looked for that is stored, and then cannot be read: one that can be
/// removed neither is streamed.
const MAX_LOOKUPS: u32 = 3;

/// A blob that can be served. It is not evicted while this or its chunks live.
pub struct Blob {
    len: u64,
    body: BlobData,
}

enum BlobData {
    Stored(Arc<SharedFile>),
    Filling(GrowingFile, Arc<Fill>),
    Uncached(BoxStream<'static, io::Result<Bytes>>),
}

/// Where the bytes of a blob come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlobOrigin {
    /// Verified bytes of the local disk.
    Stored,
    /// A file that is still being filled.
    Filling,
    /// The same, and its bytes come from the remote tier.
    Remote,
    /// Upstream, uncached: the disk has no room.
    Uncached,
}

impl Blob {
    /// Of a verified file of `len` bytes.
    pub(super) fn stored(file: Arc<SharedFile>, len: u64) -> Self {
        let body = BlobData::Stored(file);
        Self { len, body }
    }

    /// Length in bytes of the whole blob.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn origin(&self) -> BlobOrigin {
        match self.body {
            BlobData::Stored(_) => BlobOrigin::Stored,
            BlobData::Filling(_, ref fill) if fill.is_from_remote() => BlobOrigin::Remote,
            BlobData::Filling(..) => BlobOrigin::Filling,
            BlobData::Uncached(_) => BlobOrigin::Uncached,
        }
    }

    /// A range of the blob, cut at its end. Its last bytes arrive only after
    /// the whole blob was verified.
    pub fn chunks(self, range: Range<u64>) -> Chunks {
        match self.body {
            BlobData::Stored(file) => Chunks::from_file(file, self.len, range),
            BlobData::Filling(growing, _) => Chunks::growing(growing, range),
            BlobData::Uncached(content) => Chunks::streamed(self.len, range, content),
        }
    }

    /// All of the blob.
    pub fn whole(self) -> Chunks {
        let range = 0..self.len;
        self.chunks(range)
    }

    /// Waits until the blob is stored and verified, or is known to be wrong.
    /// A passing blob is not stored, so there is nothing to wait for.
    ///
    /// # Errors
    /// [`FetchError`] where the content was wrong, or ended early.
    pub async fn done(&self) -> Result<(), FetchError> {
        let BlobData::Filling(_, fill) = &self.body else {
            return Ok(());
        };
        match fill.ended().await {
            FillState::Failed(error) => Err(error),
            _ => Ok(()),
        }
    }
}

impl Cache {
    /// Whether a blob is being fetched from the same upstream and its bytes have begun to
    /// come. Once it is not any more, [`Self::get`] finds it, unless it failed.
    pub fn is_filling(&self, request: &BlobRequest) -> bool {
        self.inner.fills.is_growing(&FillKey::shared(request))
    }

    /// A stored blob. Opens its file unless it is being read already.
    ///
    /// # Errors
    /// [`FetchError`] where it may not be read by what is said of its other digest, which
    /// was not known when it was judged.
    pub async fn get(&self, request: &BlobRequest) -> Result<Option<Blob>, FetchError> {
        let blob = self.inner.stored_blob(request).await?;
        let counters = &self.inner.counters;
        match blob {
            Some(_) => counters.blob_hits.add(1),
            None => counters.blob_misses.add(1),
        }
        Ok(blob)
    }

    /// Whether something may be said of a digest's counterpart, and it is not known which that
    /// is. Memory only.
    pub fn lacks_other(&self, digest: &Digest) -> bool {
        (self.inner.records.lacks_other)(digest)
    }

    /// Whether the remote tier has a blob that is not stored here. Does not wait long.
    pub async fn is_remote(&self, request: &BlobRequest) -> bool {
        let key = ContentKey::blob(&request.digest);
        match &self.inner.remote {
            Some(remote) => remote.has(&key, request.size, request.used.now).await,
            None => false,
        }
    }

    /// Whether clients may be led to where blobs of `size` bytes lie.
    pub fn may_redirect(&self, size: u64) -> bool {
        let remote = self.inner.remote.as_ref();
        remote.is_some_and(|remote| remote.may_redirect(size))
    }

    /// Where a client can read a blob by itself: in the remote tier, where that is wanted
    /// and this process knows the very object to be right. The caller has a permit.
    pub async fn redirect(&self, request: &BlobRequest) -> Option<Url> {
        let remote = self.inner.remote.as_ref()?;
        if self.lacks_other(&request.digest) {
            return None;
        }
        let key = ContentKey::blob(&request.digest);
        remote.redirect(&key, request.size, request.used.now).await
    }

    /// A blob, fetched if it is not stored. A stored one serves all, whichever upstream
    /// it came from.
    ///
    /// `open` starts a part of the content upstream, which it must honour; it is called
    /// for all of it first, again where a stream broke off, and for ranges that readers
    /// would wait for too long. However many callers of one upstream ask at once, one
    /// `open` serves them all, and outlives them. Returns when the first bytes are there. An error before that is
    /// the same for all of one repository who waited; the next call starts afresh.
    ///
    /// # Errors
    /// [`FetchError`] of the one fill that all callers share.
    pub async fn fetch<F, Fut, S, E>(
        &self,
        request: &BlobRequest,
        open: F,
    ) -> Result<Blob, FetchError>
    where
        F: Fn(BlobSpan) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<S, E>> + Send + 'static,
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Error + Send + Sync + 'static,
    {
        let open = opener(open);
        let mut key = FillKey::shared(request);
        let mut lookups = 0;
        loop {
            if let Some(blob) = self.inner.stored_blob(request).await? {
                return Ok(blob);
            }
            lookups += 1;
            let fill = match self.inner.fills.join(&key, request, &self.inner.blobs) {
                Joined::Stored if lookups < MAX_LOOKUPS => continue,
                Joined::Stored => return self.stream(request, open).await,
                Joined::Following(fill) => fill,
                Joined::Leading(guard) => self.start_fill(guard, open.clone(), request),
            };
            let state = self.started(&fill).await;
            if self.is_unlooked_at(&fill, &request.digest)
                && let FillState::Filled(_) = fill.ended().await
                && self.is_unlooked_at(&fill, &request.digest)
            {
                continue;
            }
            match state {
                // What another repository was answered is no answer to this one.
                FillState::Failed(_) if *fill.source() != request.source => {
                    key = FillKey::own(request);
                }
                state => return self.follow_fill(fill, state, request, open).await,
            }
        }
    }

    /// Whether something may be said of a digest that this fill does not come to. One that was
    /// verified just before that was said is read once it is stored, where it is looked at.
    fn is_unlooked_at(&self, fill: &Fill, digest: &Digest) -> bool {
        !fill.is_of_both() && self.lacks_other(digest)
    }

    /// Waits for the first bytes of a fill, or for its end.
    async fn started(&self, fill: &Fill) -> FillState {
        let _waiting = self.inner.counters.fill_waiters.hold(1);
        fill.started().await
    }

    fn start_fill(&self, guard: FillGuard, open: Opener, request: &BlobRequest) -> Arc<Fill> {
        let (fill, inner) = (guard.fill().clone(), self.inner.clone());
        let span = trace_span!("fill", blob.digest = %request.digest, blob.size = request.size);
        let task = inner.fill(guard, open, request.used.now).instrument(span);
        self.inner.tasks.spawn_isolated("fill", task);
        fill
    }

    async fn follow_fill(
        &self,
        fill: Arc<Fill>,
        state: FillState,
        request: &BlobRequest,
        open: Opener,
    ) -> Result<Blob, FetchError> {
        let len = fill.size();
        let body = match state {
            FillState::Growing(growing) | FillState::Filled(growing) => {
                BlobData::Filling(growing, fill)
            }
            FillState::Unstored => return self.stream(request, open).await,
            FillState::Failed(error) => return Err(error),
            FillState::Opening => return Err(FetchError::Interrupted),
        };
        Ok(Blob { len, body })
    }

    /// From the upstream to this caller alone.
    async fn stream(&self, request: &BlobRequest, open: Opener) -> Result<Blob, FetchError> {
        self.inner.counters.passed.add(1);
        let (remote, records) = (&self.inner.remote, &self.inner.records);
        let streamed = stream_uncached(open, request, remote.as_ref(), records).await?;
        Ok(Blob {
            len: request.size,
            body: BlobData::Uncached(streamed),
        })
    }
}

impl Inner {
    /// Waits for the blocking pool only where opening the file needs the disk.
    /// Where something is said of the other algorithm's digests, the blob's must be known. A
    /// damaged file is a miss, and removed.
    ///
    /// # Errors
    /// [`FetchError::TooLong`] or [`FetchError::TooShort`] where a sound one has another
    /// length than is asked for.
    async fn stored_blob(
        self: &Arc<Self>,
        request: &BlobRequest,
    ) -> Result<Option<Blob>, FetchError> {
        let Some((file, len)) = self.stored_file(request).await else {
            return Ok(None);
        };
        if len != request.size {
            return match self.is_sound(&request.digest, file).await? {
                true => has_length(len, request.size).map(|()| None),
                false => Ok(None),
            };
        }
        if (self.records.lacks_other)(&request.digest) {
            let learned = self.learn_other_digest(&request.digest, file.clone(), request.used.now);
            match learned.await {
                // It was removed.
                Err(FetchError::WrongDigest { .. }) => return Ok(None),
                learned => learned?,
            }
        }
        Ok(Some(Blob::stored(file, len)))
    }

    async fn stored_file(
        self: &Arc<Self>,
        request: &BlobRequest,
    ) -> Option<(Arc<SharedFile>, u64)> {
        let BlobRequest { digest, used, .. } = request;
        match self.blobs.find(digest, used) {
            StoredLookup::Missing => None,
            StoredLookup::Open(file, len) => Some((file, len)),
            StoredLookup::Closed => {
                let (inner, digest, used) = (self.clone(), digest.clone(), used.clone());
                let open = move || inner.blobs.open(&digest, &used, &inner.temporary);
                tokio::task::spawn_blocking(open).await.ok().flatten()
            }
        }
    }
}
