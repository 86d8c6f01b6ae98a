//! One content as it comes from upstream: resumed where it broke off, bounded
//! in length, time and tries.

use std::error::Error;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{BoxStream, Stream, StreamExt, TryStreamExt};
use tokio::time::{sleep, timeout};

use super::error::FetchError;

/// A stream that sends nothing for this long counts as broken.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a stream takes to begin at most: it may wait for its turn among others, and who
/// opens it bounds each request by itself.
const OPENING_TIMEOUT: Duration = Duration::from_mins(15);

/// How often one content is resumed for [`LEAST_PROGRESS`] bytes. One that always goes on
/// comes to its end, and one that sends a byte at a time does not keep us for ever.
const MAX_RESUMES: u32 = 8;
const LEAST_PROGRESS: u64 = 64 * 1024;
const FIRST_RESUME_PAUSE: Duration = Duration::from_millis(50);

/// How many bytes are taken at once when they are already there.
const MAX_BATCH_BYTES: usize = 1024 * 1024;
const MAX_BATCH_PIECES: usize = 256;

pub(super) type Pieces = BoxStream<'static, Result<Bytes, FetchError>>;

/// What is asked for of a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobSpan {
    /// All from an offset on. An upstream that sends no parts is skipped forward.
    From(u64),
    /// These bytes alone; an upstream that sends no parts must fail.
    Only(Range<u64>),
    /// These bytes, and perhaps more behind them. An upstream that sends no parts is skipped
    /// forward.
    Within(Range<u64>),
}

/// Opens a part of the content upstream.
pub(super) type Opener =
    Arc<dyn Fn(BlobSpan) -> BoxFuture<'static, Result<Pieces, FetchError>> + Send + Sync>;

/// Erases the types of a caller's `open`.
pub(super) fn opener<F, Fut, S, E>(open: F) -> Opener
where
    F: Fn(BlobSpan) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<S, E>> + Send + 'static,
    S: Stream<Item = Result<Bytes, E>> + Send + 'static,
    E: Error + Send + Sync + 'static,
{
    Arc::new(move |span| {
        let opening = open(span);
        let opened = async move {
            let pieces = opening.await.map_err(upstream)?;
            Ok(pieces.map_err(upstream).boxed())
        };
        opened.boxed()
    })
}

fn upstream(error: impl Error + Send + Sync + 'static) -> FetchError {
    FetchError::Upstream(Arc::new(error))
}

fn stalled<T>(bound: Duration) -> Result<T, FetchError> {
    Err(FetchError::Stalled(bound.as_secs()))
}

pub(super) struct UpstreamContent {
    open: Opener,
    /// Of the whole.
    size: u64,
    /// Where the next byte stands.
    received: u64,
    /// Where what is read ends.
    end: u64,
    /// Whether the upstream must send this span by itself.
    is_apart: bool,
    resumes: u32,
    /// Where the resumes were counted from.
    counted_from: u64,
    state: State,
}

enum State {
    Closed,
    Open(Pieces),
    /// Broken off behind pieces that were handed out before.
    Broken(FetchError),
}

impl UpstreamContent {
    /// Opens `span` of a content of `size` bytes, apart from the rest unless it reaches to
    /// the end. An error here is the upstream's answer and final.
    pub(super) async fn open(
        open: Opener,
        span: Range<u64>,
        size: u64,
    ) -> Result<Self, FetchError> {
        let mut source = Self {
            is_apart: true,
            ..Self::missing(open, span, size)
        };
        source.state = State::Open(source.pieces().await?);
        Ok(source)
    }

    /// The same of a span that is missing in what has come: it is opened with the patience
    /// of a stream that broke off, and where the upstream does not send it apart, it is
    /// taken out of more.
    pub(super) fn missing(open: Opener, span: Range<u64>, size: u64) -> Self {
        Self {
            open,
            size,
            received: span.start,
            end: span.end,
            is_apart: false,
            resumes: 0,
            counted_from: span.start,
            state: State::Closed,
        }
    }

    /// Where what is read ends.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Whether all bytes have come.
    pub(super) fn is_complete(&self) -> bool {
        self.received == self.end
    }

    /// The next pieces: what is there at once, but at least one. Empty when
    /// all bytes have come.
    pub(super) async fn next(&mut self) -> Result<Vec<Bytes>, FetchError> {
        while self.received < self.end {
            match std::mem::replace(&mut self.state, State::Closed) {
                State::Open(pieces) => {
                    let batch = self.wait(pieces).await?;
                    if !batch.is_empty() {
                        return Ok(batch);
                    }
                }
                State::Closed => self.reopen().await,
                State::Broken(error) => self.pause(error).await?,
            }
        }
        self.expect_end()?;
        Ok(Vec::new())
    }

    async fn wait(&mut self, mut pieces: Pieces) -> Result<Vec<Bytes>, FetchError> {
        let mut batch = Vec::new();
        let first = match timeout(STALL_TIMEOUT, pieces.next()).await {
            Ok(first) => first,
            Err(_) => Some(stalled(STALL_TIMEOUT)),
        };
        let mut taken = 0;
        let mut next = Some(first);
        while let Some(piece) = next {
            let bytes = match piece {
                Some(Ok(bytes)) => bytes,
                ended => {
                    self.state = State::Broken(self.reason(ended));
                    return Ok(batch);
                }
            };
            let bytes = self.count(bytes)?;
            taken += bytes.len();
            batch.push(bytes);
            let is_full = taken >= MAX_BATCH_BYTES || batch.len() >= MAX_BATCH_PIECES;
            next = (!is_full && !self.is_taken_out())
                .then(|| pieces.next().now_or_never())
                .flatten();
        }
        self.state = State::Open(pieces);
        Ok(batch)
    }

    /// Counts what comes, without what follows the missing span. Refuses what is longer than
    /// announced, before it is looked at.
    fn count(&mut self, mut bytes: Bytes) -> Result<Bytes, FetchError> {
        if self.is_within_more() {
            let left = self.end.saturating_sub(self.received);
            bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        }
        self.received = self.received.saturating_add(bytes.len() as u64);
        if self.received > self.end {
            return Err(FetchError::TooLong {
                expected: self.end,
                actual: self.received,
            });
        }
        Ok(bytes)
    }

    /// Whether more may come than the span that is read.
    fn is_within_more(&self) -> bool {
        !self.is_apart && self.end < self.size
    }

    /// Whether all of a span has come, and what follows is not wanted.
    fn is_taken_out(&self) -> bool {
        self.is_within_more() && self.is_complete()
    }

    fn reason(&self, ended: Option<Result<Bytes, FetchError>>) -> FetchError {
        match ended {
            Some(Err(error)) => error,
            _ => FetchError::TooShort {
                expected: self.end,
                actual: self.received,
            },
        }
    }

    async fn pause(&mut self, error: FetchError) -> Result<(), FetchError> {
        if self.received - self.counted_from >= LEAST_PROGRESS {
            self.resumes = 0;
            self.counted_from = self.received;
        }
        if self.resumes == MAX_RESUMES {
            return Err(error);
        }
        self.resumes += 1;
        sleep(FIRST_RESUME_PAUSE * self.resumes).await;
        Ok(())
    }

    /// A stream of what has not come yet.
    async fn pieces(&mut self) -> Result<Pieces, FetchError> {
        let left = self.received..self.end;
        let span = match self.is_apart {
            _ if self.end == self.size => BlobSpan::From(left.start),
            true => BlobSpan::Only(left),
            false => BlobSpan::Within(left),
        };
        let opening = (self.open)(span);
        timeout(OPENING_TIMEOUT, opening)
            .await
            .unwrap_or_else(|_| stalled(OPENING_TIMEOUT))
    }

    async fn reopen(&mut self) {
        self.state = match self.pieces().await {
            Ok(pieces) => State::Open(pieces),
            Err(error) => State::Broken(error),
        };
    }

    /// After the last byte nothing may follow. Only what has arrived already is checked;
    /// it is not waited for.
    fn expect_end(&mut self) -> Result<(), FetchError> {
        let State::Open(pieces) = &mut self.state else {
            return Ok(());
        };
        match pieces.next().now_or_never() {
            Some(Some(Ok(bytes))) => self.count(bytes).map(drop),
            _ => Ok(()),
        }
    }
}
