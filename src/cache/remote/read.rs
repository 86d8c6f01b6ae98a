//! Reading from the remote tier before an upstream is asked.
//!
//! It stands before the upstream's own opener: within the bound it gives the stream,
//! else the upstream does. Where its stream breaks off, the upstream goes on from there.
//! All bytes are hashed together whoever sent them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;
use tokio::time::{Instant, timeout};
use tracing::Instrument;

use super::blob_store::OpenObject;
use super::content_key::ContentKey;
use super::error::RemoteError;
use super::found_object::FoundObject;
use super::tier::RemoteTier;
use crate::cache::error::FetchError;
use crate::cache::upstream_content::{BlobSpan, Opener, Pieces};
use crate::metrics::{RemoteDirection, RemoteOperation};
use crate::spans::trace_span;

/// The bound where the upstream failed and the store was only slow.
const SLOW_STORE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a stream may pause in all, beyond what its bytes take at the least pace.
const MAX_PAUSE: Duration = Duration::from_secs(3);
/// A stream that is slower is given up, in bytes a second.
const LEAST_PACE: f64 = 256.0 * 1024.0;

/// The most that is read of a manifest, its media type with it.
const MAX_MANIFEST_BYTES: u64 = 8 << 20;

/// One content, as it is read for one fill.
#[derive(Clone)]
pub(in crate::cache) struct RemoteRead {
    tier: Arc<RemoteTier>,
    key: ContentKey,
    /// As the manifest declares it.
    size: u64,
    now: Timestamp,
    progress: Arc<ReadProgress>,
}

#[derive(Default)]
struct ReadProgress {
    /// The store was asked already; a stream that broke off is the upstream's to resume.
    asked: AtomicBool,
    /// Bytes that came from the store.
    bytes: AtomicU64,
    opened: Mutex<Option<FoundObject>>,
}

impl RemoteTier {
    /// A read of a blob of `size` bytes.
    pub(in crate::cache) fn read(
        self: &Arc<Self>,
        key: ContentKey,
        size: u64,
        now: Timestamp,
    ) -> RemoteRead {
        RemoteRead {
            tier: self.clone(),
            key,
            size,
            now,
            progress: Arc::default(),
        }
    }

    /// Whether a blob of this size could be read from there, within the bound.
    pub(in crate::cache) async fn has(&self, key: &ContentKey, size: u64, now: Timestamp) -> bool {
        let found = self.find_within_bound(key, now).await;
        found.is_ok_and(|found| found.size == size)
    }

    pub(super) async fn find_within_bound(
        &self,
        key: &ContentKey,
        now: Timestamp,
    ) -> Result<FoundObject, RemoteError> {
        if self.suspects(key, now) {
            return Err(RemoteError::Absent);
        }
        let store = self.store.load_full();
        let found = self.within(self.limits.wait, store.find(key)).await;
        self.note(RemoteOperation::Find, &found);
        found
    }

    /// The content of a manifest's object, within the bound. Not verified.
    pub(in crate::cache) async fn read_manifest(
        &self,
        key: &ContentKey,
        now: Timestamp,
    ) -> Option<Vec<u8>> {
        if self.suspects(key, now) {
            return None;
        }
        let store = self.store.load_full();
        let read = async {
            let object = store.open(key).await?;
            collect(object).await
        };
        let read = self.within(self.limits.wait, read);
        let read = read.instrument(trace_span!("remote read")).await;
        self.note(RemoteOperation::Open, &read);
        let content = read.ok()?;
        self.count_bytes(RemoteDirection::Read, content.len() as u64);
        Some(content)
    }

    /// A request that a pull waits for.
    async fn within<T>(
        &self,
        bound: Duration,
        request: impl Future<Output = Result<T, RemoteError>>,
    ) -> Result<T, RemoteError> {
        if self.reads.rest(Instant::now()).is_some() {
            return Err(RemoteError::Resting);
        }
        let done = timeout(bound, request).await;
        done.unwrap_or(Err(RemoteError::Slow(bound.as_millis())))
    }

    /// Removes what was proven wrong. It is not read again for a while, whether that
    /// goes well or not.
    pub(in crate::cache) async fn remove_wrong(&self, key: &ContentKey, now: Timestamp) {
        self.note::<()>(RemoteOperation::Open, &Err(RemoteError::Wrong));
        self.suspect(key, now);
        let store = self.store.load_full();
        let removed = self.in_time(store.remove(key)).await;
        self.note(RemoteOperation::Remove, &removed);
        // What was written meanwhile may be gone, too.
        self.known.remove(key);
        tracing::warn!(content.digest = %key.digest, removed = removed.is_ok(), "the remote tier held other bytes than those of the digest");
    }
}

impl RemoteRead {
    /// An opener that tries the store first, once. `on_use` is told who it is that sends.
    pub(in crate::cache) fn before(
        &self,
        open: Opener,
        on_use: impl Fn(bool) + Send + Sync + 'static,
    ) -> Opener {
        let (read, on_use) = (self.clone(), Arc::new(on_use));
        Arc::new(move |span| {
            let is_first =
                span == BlobSpan::From(0) && !read.progress.asked.swap(true, Ordering::Relaxed);
            if !is_first || read.size == 0 {
                on_use(read.is_used());
                return open(span);
            }
            let (read, open, on_use) = (read.clone(), open.clone(), on_use.clone());
            let first = async move {
                let opened = read.first(&open).await;
                on_use(read.is_used());
                opened
            };
            first.boxed()
        })
    }

    async fn first(&self, open: &Opener) -> Result<Pieces, FetchError> {
        let was_slow = match self.open_within(self.tier.limits.wait).await {
            Ok(pieces) => return Ok(pieces),
            Err(error) => matches!(error, RemoteError::Slow(_)),
        };
        match open(BlobSpan::From(0)).await {
            Err(error) if was_slow => {
                let late = self.open_within(SLOW_STORE_TIMEOUT).await;
                late.map_err(|_| error)
            }
            opened => opened,
        }
    }

    async fn open_within(&self, bound: Duration) -> Result<Pieces, RemoteError> {
        if self.tier.suspects(&self.key, self.now) {
            return Err(RemoteError::Absent);
        }
        let store = self.tier.store.load_full();
        let opened = async {
            let mut object = store.open(&self.key).await?;
            // A manifest may lie about the size: only a whole read proves the object wrong.
            if object.found.size != self.size {
                return Err(RemoteError::Wrong);
            }
            let first = object.pieces.next().await.ok_or(RemoteError::Wrong)??;
            Ok((object, first))
        };
        let opened = self.tier.within(bound, opened);
        let opened = opened.instrument(trace_span!("remote read")).await;
        self.tier.note(RemoteOperation::Open, &opened);
        let (object, first) = opened?;
        *self.opened() = Some(object.found);
        Ok(self.paced(first, object.pieces))
    }

    /// The pieces, as long as they come at a pace.
    fn paced(&self, first: Bytes, rest: BoxStream<'static, Result<Bytes, RemoteError>>) -> Pieces {
        let read = self.clone();
        read.count(&first);
        let state = (rest, Pace::after(first.len()), read);
        let rest = stream::try_unfold(state, |(mut rest, mut pace, read)| async move {
            match pace.wait(rest.next()).await {
                Ok(None) => Ok(None),
                Ok(Some(Ok(piece))) => {
                    read.count(&piece);
                    pace.came(piece.len());
                    Ok(Some((piece, (rest, pace, read))))
                }
                Ok(Some(Err(error))) | Err(error) => {
                    read.tier
                        .note::<()>(RemoteOperation::Open, &Err(error.clone()));
                    Err(FetchError::Remote(error))
                }
            }
        });
        stream::once(async move { Ok(first) }).chain(rest).boxed()
    }

    fn count(&self, piece: &Bytes) {
        let bytes = piece.len() as u64;
        self.progress.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.tier.count_bytes(RemoteDirection::Read, bytes);
    }

    fn opened(&self) -> MutexGuard<'_, Option<FoundObject>> {
        let opened = self.progress.opened.lock();
        opened.unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether any byte came from the store.
    pub(in crate::cache) fn is_used(&self) -> bool {
        self.bytes() > 0
    }

    fn bytes(&self) -> u64 {
        self.progress.bytes.load(Ordering::Relaxed)
    }

    /// The content was verified: what came from there whole is known to be right.
    pub(in crate::cache) fn was_right(&self) {
        let opened = self.opened().take();
        if let Some(found) = opened
            && self.bytes() == self.size
        {
            self.tier.know(&self.key, found, true, self.now);
        }
    }

    /// Lets nobody read the object for a while.
    pub(in crate::cache) fn suspect(&self) {
        self.tier.suspect(&self.key, self.now);
    }

    /// The content was not what was asked for. If all of it came from there, that proves
    /// the object wrong, and it is removed; else it is only suspected.
    pub(in crate::cache) async fn was_wrong(&self) {
        if self.bytes() >= self.size {
            self.tier.remove_wrong(&self.key, self.now).await;
        } else {
            self.tier.suspect(&self.key, self.now);
        }
    }
}

/// How long a stream made us wait, for what it brought.
struct Pace {
    waited: Duration,
    allowed: Duration,
}

impl Pace {
    fn after(bytes: usize) -> Self {
        let mut pace = Self {
            waited: Duration::ZERO,
            allowed: MAX_PAUSE,
        };
        pace.came(bytes);
        pace
    }

    fn came(&mut self, bytes: usize) {
        self.allowed += Duration::from_secs_f64(bytes as f64 / LEAST_PACE);
    }

    async fn wait<T>(&mut self, next: impl Future<Output = T>) -> Result<T, RemoteError> {
        let begun = Instant::now();
        let bound = self.allowed.saturating_sub(self.waited);
        let came = timeout(bound, next).await;
        self.waited += begun.elapsed();
        came.map_err(|_| RemoteError::Slow(self.waited.as_millis()))
    }
}

/// All bytes of a small object.
async fn collect(object: OpenObject) -> Result<Vec<u8>, RemoteError> {
    if object.found.size > MAX_MANIFEST_BYTES {
        return Err(RemoteError::Wrong);
    }
    let mut content = Vec::new();
    let mut pieces = object.pieces;
    while let Some(piece) = pieces.next().await {
        content.extend_from_slice(&piece?);
        if content.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(RemoteError::Wrong);
        }
    }
    Ok(content)
}
