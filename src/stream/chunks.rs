//! A stream of bytes that knows its length.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};

use super::file::FileReader;
use super::growing::GrowingFile;
use super::shared_file::SharedFile;

/// A range of a content, chunk by chunk.
///
/// Yields exactly [`Chunks::len`] bytes, or an error after which nothing
/// follows: a body that ends early is never mistaken for a whole one.
pub struct Chunks {
    total: u64,
    range: Range<u64>,
    left: u64,
    source: Source,
}

enum Source {
    Memory(Bytes),
    Stream(BoxStream<'static, io::Result<Bytes>>),
}

impl Chunks {
    /// All of what is in memory.
    pub fn whole(bytes: Bytes) -> Self {
        let total = bytes.len() as u64;
        Self::new(total, 0..total, Source::Memory(bytes))
    }

    /// A range of what is in memory.
    pub fn of_memory(bytes: &Bytes, range: Range<u64>) -> Self {
        let total = bytes.len() as u64;
        let range = clamp(&range, total);
        let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
        let part = bytes.slice(at(range.start)..at(range.end));
        Self::new(total, range, Source::Memory(part))
    }

    /// A range of an open file of `total` bytes.
    pub fn from_file(file: Arc<SharedFile>, total: u64, range: Range<u64>) -> Self {
        let reader = FileReader::new(file, clamp(&range, total));
        let chunks = stream::try_unfold(reader, move |mut reader| async move {
            if reader.is_done() {
                return Ok(None);
            }
            let bytes = reader.next_of(total).await?;
            Ok(Some((bytes, reader)))
        });
        Self::new(total, range, Source::Stream(chunks.boxed()))
    }

    /// A range of a file that is still being written.
    pub fn growing(growing: GrowingFile, range: Range<u64>) -> Self {
        let total = growing.total();
        let follower = growing.follow(clamp(&range, total));
        let chunks = stream::try_unfold(follower, |mut follower| async move {
            Ok(follower.next().await?.map(|bytes| (bytes, follower)))
        });
        Self::new(total, range, Source::Stream(chunks.boxed()))
    }

    /// A range of a stream that is stored nowhere and is read from its first byte. The
    /// stream must fail rather than complete a content of `total` bytes that is wrong.
    pub fn streamed(
        total: u64,
        range: Range<u64>,
        content: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Self {
        let range = clamp(&range, total);
        let (mut before, mut wanted) = (range.start, range.end - range.start);
        let chunks = content.map_ok(move |mut bytes| {
            let _skipped = take(&mut bytes, &mut before);
            take(&mut bytes, &mut wanted)
        });
        Self::new(total, range, Source::Stream(chunks.boxed()))
    }

    fn new(total: u64, range: Range<u64>, source: Source) -> Self {
        let range = clamp(&range, total);
        let left = range.end - range.start;
        Self {
            total,
            range,
            left,
            source,
        }
    }

    /// Length of the whole content, of which this is a range.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The range served: offsets, the end not included.
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// How many bytes are still to come: the Content-Length, before the first
    /// is taken.
    pub fn len(&self) -> u64 {
        self.left
    }

    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// The bytes, where all of them are in memory already; else the same chunks.
    ///
    /// # Errors
    /// The chunks, where they must be waited for.
    pub fn into_memory(mut self) -> Result<Bytes, Self> {
        match &mut self.source {
            Source::Memory(bytes) if bytes.len() as u64 == self.left => Ok(std::mem::take(bytes)),
            _ => Err(self),
        }
    }

    /// Reads all of it into memory; refuses more than `limit` bytes before
    /// the first is read.
    ///
    /// # Errors
    /// [`io::Error`] where it is longer, or the stream fails.
    pub async fn collect_up_to(mut self, limit: u64) -> io::Result<Bytes> {
        if self.left > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut collected = BytesMut::new();
        while let Some(bytes) = self.try_next().await? {
            collected.extend_from_slice(&bytes);
        }
        Ok(collected.freeze())
    }

    fn end(&mut self) {
        self.left = 0;
        self.source = Source::Memory(Bytes::new());
    }

    fn fail(&mut self, error: io::Error) -> Poll<Option<io::Result<Bytes>>> {
        self.end();
        Poll::Ready(Some(Err(error)))
    }

    fn poll_source(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match &mut self.source {
            Source::Memory(bytes) => Poll::Ready(Some(Ok(std::mem::take(bytes)))),
            Source::Stream(stream) => stream.poll_next_unpin(context),
        }
    }
}

impl Stream for Chunks {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if self.left == 0 {
                self.end();
                return Poll::Ready(None);
            }
            let bytes = match ready!(self.poll_source(context)) {
                Some(Ok(bytes)) => bytes,
                Some(Err(error)) => return self.fail(error),
                None => return self.fail(io::ErrorKind::UnexpectedEof.into()),
            };
            let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
                return self.fail(io::ErrorKind::InvalidData.into());
            };
            if !bytes.is_empty() {
                self.left = left;
                return Poll::Ready(Some(Ok(bytes)));
            }
        }
    }
}

fn clamp(range: &Range<u64>, total: u64) -> Range<u64> {
    let end = range.end.min(total);
    range.start.min(end)..end
}

/// Splits off up to `count` bytes and counts them down.
fn take(bytes: &mut Bytes, count: &mut u64) -> Bytes {
    let length = usize::try_from(*count).map_or(bytes.len(), |count| count.min(bytes.len()));
    *count -= length as u64;
    bytes.split_to(length)
}
