//! Streaming without storing, for a disk without room: one upstream request
//! for each client, hashed on the way, the last bytes held until verified.

use std::io;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use jiff::Timestamp;

use super::digests::{Digests, OnFilled};
use super::error::FetchError;
use super::source::{Opener, Source};
use crate::oci::Digest;

struct Passage {
    source: Source,
    digest: Digest,
    digests: Digests,
    on_filled: OnFilled,
    now: Timestamp,
}

/// Opens a content of `size` bytes for one client, who asked at `now`.
pub(super) async fn pass(
    open: Opener,
    digest: Digest,
    size: u64,
    on_filled: OnFilled,
    now: Timestamp,
) -> Result<BoxStream<'static, io::Result<Bytes>>, FetchError> {
    let passage = Passage {
        source: Source::open(open, size).await?,
        digest,
        digests: Digests::default(),
        on_filled,
        now,
    };
    if size == 0 {
        passage.step().await?;
        return Ok(stream::empty().boxed());
    }
    let batches = stream::try_unfold(Some(passage), |passage| async move {
        match passage {
            Some(passage) => passage.step().await.map(Some).map_err(io::Error::other),
            None => Ok(None),
        }
    });
    let pieces = batches.map_ok(|batch| stream::iter(batch.into_iter().map(Ok)));
    Ok(pieces.try_flatten().boxed())
}

impl Passage {
    /// The next pieces, and the rest of the passage if there is one.
    async fn step(mut self) -> Result<(Vec<Bytes>, Option<Self>), FetchError> {
        let pieces = self.source.next().await?;
        let digests = self.digests;
        let hashed = tokio::task::spawn_blocking(move || digests.after(pieces));
        let (digests, pieces) = hashed.await.map_err(|_| FetchError::Interrupted)?;
        self.digests = digests;
        if !self.source.is_complete() {
            return Ok((pieces, Some(self)));
        }
        self.source.next().await?;
        let filled = self.digests.finish().verify(&self.digest)?;
        (self.on_filled)(filled, self.now)
            .await
            .map_err(FetchError::Unrecorded)?;
        Ok((pieces, None))
    }
}
