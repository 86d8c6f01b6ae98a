//! Uncached streaming, for a disk without room: one request for each client,
//! hashed on the way; the last bytes are held back until the digest is verified.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use jiff::Timestamp;

use super::blob_request::BlobRequest;
use super::digests::{ContentHasher, DigestRecords};
use super::error::FetchError;
use super::remote::{ContentKey, RemoteRead, RemoteTier};
use super::upstream_content::{Opener, UpstreamContent};
use crate::oci::Digest;

struct UncachedStream {
    source: UpstreamContent,
    digest: Digest,
    digests: ContentHasher,
    records: DigestRecords,
    /// Of the remote tier, where there is one.
    read: Option<RemoteRead>,
    now: Timestamp,
}

/// Opens a content for one client.
pub(super) async fn stream_uncached(
    open: Opener,
    request: &BlobRequest,
    remote: Option<&Arc<RemoteTier>>,
    records: &DigestRecords,
) -> Result<BoxStream<'static, io::Result<Bytes>>, FetchError> {
    let size = request.size;
    let key = ContentKey::blob(&request.digest);
    let read = remote.map(|remote| remote.read(key, size, request.used.now));
    let open = match &read {
        Some(read) => read.before(open, |_| {}),
        None => open,
    };
    let stream = UncachedStream {
        source: UpstreamContent::open(open, 0..size, size).await?,
        digest: request.digest.clone(),
        digests: records.hasher(&request.digest),
        records: records.clone(),
        read,
        now: request.used.now,
    };
    if size == 0 {
        stream.step().await?;
        return Ok(stream::empty().boxed());
    }
    let batches = stream::try_unfold(Some(stream), |stream| async move {
        match stream {
            Some(stream) => stream.step().await.map(Some).map_err(io::Error::other),
            None => Ok(None),
        }
    });
    let pieces = batches.map_ok(|batch| stream::iter(batch.into_iter().map(Ok)));
    Ok(pieces.try_flatten().boxed())
}

impl UncachedStream {
    /// The next pieces, and the rest of the stream if there is more.
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
        let filled = match (self.digests.finish().verify(&self.digest), &self.read) {
            (Err(_), Some(read)) if read.is_used() => {
                read.was_wrong().await;
                return Err(FetchError::WrongRemote(self.digest));
            }
            (verified, _) => verified?,
        };
        // Nothing is left to hash again: who asks anew gets a hasher of both.
        if filled.sha512.is_none() && (self.records.lacks_other)(&filled.sha256) {
            return Err(FetchError::Interrupted);
        }
        (self.records.on_verified)(filled, self.now)
            .await
            .map_err(FetchError::Unrecorded)?;
        Ok((pieces, None))
    }
}
