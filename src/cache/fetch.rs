//! Blobs: from the shelf, from a fill, or passing through.

use std::error::Error;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{BoxStream, Stream};
use jiff::Timestamp;

use super::error::FetchError;
use super::flights::{Fill, Flight, Joined, Stage};
use super::passing::pass;
use super::shelf::Found;
use super::source::{Opener, opener};
use super::store::{Cache, Inner};
use crate::oci::Digest;
use crate::stream::{Chunks, Growing};

/// A blob that can be served. It is not evicted while this or its chunks live.
pub struct Blob {
    len: u64,
    body: Body,
}

enum Body {
    Stored(Arc<File>),
    Filling(Growing, Arc<Fill>),
    Passing(BoxStream<'static, io::Result<Bytes>>),
}

/// Where the bytes of a blob come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Verified bytes of the local disk.
    Stored,
    /// A file that is still being filled.
    Filling,
    /// Upstream, past a disk without room.
    Passing,
}

impl Blob {
    /// Length in bytes of the whole blob.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn origin(&self) -> Origin {
        match self.body {
            Body::Stored(_) => Origin::Stored,
            Body::Filling(..) => Origin::Filling,
            Body::Passing(_) => Origin::Passing,
        }
    }

    /// A range of the blob, cut at its end. Its last bytes arrive only after
    /// the whole blob was verified.
    pub fn chunks(self, range: Range<u64>) -> Chunks {
        match self.body {
            Body::Stored(file) => Chunks::from_file(file, self.len, range),
            Body::Filling(growing, _) => Chunks::growing(growing, range),
            Body::Passing(content) => Chunks::passing(self.len, range, content),
        }
    }

    /// All of the blob.
    pub fn whole(self) -> Chunks {
        let range = 0..self.len;
        self.chunks(range)
    }

    /// Waits until the blob is stored and verified, or is known to be wrong.
    /// A passing blob is not stored, so there is nothing to wait for.
    pub async fn done(&self) -> Result<(), FetchError> {
        let Body::Filling(_, fill) = &self.body else {
            return Ok(());
        };
        match fill.ended().await {
            Stage::Failed(error) => Err(error),
            _ => Ok(()),
        }
    }

    fn of_length(self, expected: u64) -> Result<Self, FetchError> {
        let actual = self.len;
        match actual.cmp(&expected) {
            std::cmp::Ordering::Equal => Ok(self),
            std::cmp::Ordering::Less => Err(FetchError::TooShort { expected, actual }),
            std::cmp::Ordering::Greater => Err(FetchError::TooLong { expected, actual }),
        }
    }
}

impl Cache {
    /// Whether a blob is being fetched and its bytes have begun to come. Once it
    /// is not any more, [`Self::get`] finds it, unless it failed.
    pub fn is_filling(&self, digest: &Digest) -> bool {
        self.inner.flights.is_growing(digest)
    }

    /// A stored blob. Opens its file unless it is being read already.
    pub async fn get(&self, digest: &Digest, now: Timestamp) -> Option<Blob> {
        let blob = self.inner.stored_blob(digest, now).await;
        let counters = &self.inner.counters;
        match blob {
            Some(_) => counters.blob_hits.add(1),
            None => counters.blob_misses.add(1),
        }
        blob
    }

    /// A blob, fetched if it is not stored: `size` is that of its descriptor,
    /// and a content longer or shorter is refused.
    ///
    /// `open` starts the content upstream at an offset, which it must honour;
    /// it is called with 0 first, and again where a stream broke off. However
    /// many callers ask at once, one `open` serves them all, and outlives them.
    /// Returns when the first bytes are there. An error before that is the
    /// same for all who waited; the next call starts afresh.
    pub async fn fetch<F, Fut, S, E>(
        &self,
        digest: &Digest,
        size: u64,
        now: Timestamp,
        open: F,
    ) -> Result<Blob, FetchError>
    where
        F: Fn(u64) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<S, E>> + Send + 'static,
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Error + Send + Sync + 'static,
    {
        let open = opener(open);
        loop {
            if let Some(blob) = self.inner.stored_blob(digest, now).await {
                return blob.of_length(size);
            }
            let fill = match self.inner.flights.join(digest, size, &self.inner.blobs) {
                Joined::Stored => continue,
                // At most one of two lengths is right: let the other one fail.
                Joined::Following(fill) if fill.size() != size => {
                    fill.ended().await;
                    continue;
                }
                Joined::Following(fill) => fill,
                Joined::Leading(flight) => self.lead(flight, open.clone(), now),
            };
            return self.follow(fill, digest, open, now).await;
        }
    }

    fn lead(&self, flight: Flight, open: Opener, now: Timestamp) -> Arc<Fill> {
        let (fill, inner) = (flight.fill().clone(), self.inner.clone());
        let task = inner.fill(flight, open, now);
        self.inner.tasks.spawn_isolated("fill", task);
        fill
    }

    async fn follow(
        &self,
        fill: Arc<Fill>,
        digest: &Digest,
        open: Opener,
        now: Timestamp,
    ) -> Result<Blob, FetchError> {
        let len = fill.size();
        let waiting = self.inner.counters.fill_waiters.hold(1);
        let stage = fill.started().await;
        drop(waiting);
        let body = match stage {
            Stage::Growing(growing) | Stage::Filled(growing) => Body::Filling(growing, fill),
            Stage::Unstored => {
                self.inner.counters.passed.add(1);
                let on_filled = self.inner.on_filled.clone();
                Body::Passing(pass(open, digest.clone(), len, on_filled, now).await?)
            }
            Stage::Failed(error) => return Err(error),
            Stage::Opening => return Err(FetchError::Interrupted),
        };
        Ok(Blob { len, body })
    }
}

impl Inner {
    /// Waits for the blocking pool only where opening the file needs the disk.
    async fn stored_blob(self: &Arc<Self>, digest: &Digest, now: Timestamp) -> Option<Blob> {
        let pulled = now.as_second();
        let (file, len) = match self.blobs.find(digest, pulled) {
            Found::Missing => return None,
            Found::Open(file, len) => (file, len),
            Found::Closed => {
                let (inner, digest) = (self.clone(), digest.clone());
                let open = move || inner.blobs.open(&digest, pulled, &inner.workbench);
                tokio::task::spawn_blocking(open).await.ok().flatten()?
            }
        };
        let body = Body::Stored(file);
        Some(Blob { len, body })
    }
}
