//! Fills one file by several requests: one from its beginning on, and others where readers
//! wait for a range that this one would not reach soon.
//!
//! Each byte is fetched once. Whoever fetches claims a span first; where a reader waits
//! within a claim, the claim is cut there. All go into the one file that is hashed from
//! its beginning to its end before any reader gets the last of it, so that ranges ahead
//! weaken no promise.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::sleep;

use super::claims::{Claim, Claims};
use super::digests::ContentHasher;
use super::error::FetchError;
use super::fill_file::FillSink;
use super::upstream_content::{Opener, UpstreamContent};
use super::writer::GrowingFileWriter;
use crate::stream::ReaderWish;

/// A reader waits so long for the bytes that come in their order; then its range is
/// fetched apart, unless it is reached as soon again.
const IN_ORDER_TIMEOUT: Duration = Duration::from_millis(100);

/// Ranges of one content that are fetched ahead at once.
const MAX_AHEAD: usize = 4;

/// What one request ahead fetches, in bytes: at least, so that hundreds of small ranges are
/// few requests, and at most, so that it ends soon after its reader has left.
const LEAST_AHEAD: u64 = 1024 * 1024;
const MOST_AHEAD: u64 = 8 * 1024 * 1024;

/// The requests that fill one file.
pub(super) struct SpanFill<'a> {
    open: &'a Opener,
    size: u64,
    writer: &'a GrowingFileWriter,
    sink: FillSink<'a>,
    claims: Claims,
    received: AtomicU64,
}

impl<'a> SpanFill<'a> {
    pub(super) fn new(
        open: &'a Opener,
        size: u64,
        writer: &'a GrowingFileWriter,
        sink: FillSink<'a>,
    ) -> Self {
        Self {
            open,
            size,
            writer,
            sink,
            claims: Claims::default(),
            received: AtomicU64::new(0),
        }
    }

    /// Fills the file from `source`, which begins with it, and from where readers wait if
    /// `may_ask_apart`. Returns what all of it hashes to.
    ///
    /// # Errors
    /// Those of the request from the beginning on; one ahead that fails is made up for.
    pub(super) async fn fill(
        &self,
        source: UpstreamContent,
        hasher: ContentHasher,
        may_ask_apart: impl Fn() -> bool,
    ) -> Result<ContentHasher, FetchError> {
        let claim = self.claims.claim(0..self.size);
        tokio::select! {
            filled = self.in_order(source, claim, hasher) => filled,
            () = self.ahead(may_ask_apart) => Err(FetchError::Interrupted),
        }
    }

    async fn in_order(
        &self,
        mut source: UpstreamContent,
        mut claim: Claim<'_>,
        mut hasher: ContentHasher,
    ) -> Result<ContentHasher, FetchError> {
        loop {
            let taken = self.take(source, &claim, Some(hasher)).await?;
            drop(claim);
            let seen = taken.ok_or(FetchError::Interrupted)?;
            hasher = self.writer.catch_up(seen).await?;
            let Some(hole) = self.next_hole().await else {
                return Ok(self.writer.catch_up(hasher).await?);
            };
            claim = self.claims.claim(hole.clone());
            source = UpstreamContent::missing(self.open.clone(), hole, self.size);
        }
    }

    /// The first span that nobody fetches; waits while there is none and others fetch.
    async fn next_hole(&self) -> Option<Range<u64>> {
        loop {
            let freed = self.claims.freed.notified();
            match self.first_hole() {
                Some(hole) => return Some(hole),
                None if self.writer.growing().filled_to(0) == self.size => return None,
                None => freed.await,
            }
        }
    }

    fn first_hole(&self) -> Option<Range<u64>> {
        let mut at = 0;
        loop {
            let next = self.claims.end_of(self.writer.growing().filled_to(at));
            if next >= self.size {
                return None;
            }
            if next == at || self.is_hole(next) {
                return Some(next..self.end_of_hole(next));
            }
            at = next;
        }
    }

    fn is_hole(&self, at: u64) -> bool {
        self.writer.growing().filled_to(at) == at && self.claims.end_of(at) == at
    }

    /// Where what is filled or claimed begins again.
    fn end_of_hole(&self, at: u64) -> u64 {
        let filled = self.writer.growing().next_filled(at);
        let claimed = self.claims.next_from(at);
        let ends = filled.into_iter().chain(claimed);
        ends.min().unwrap_or(self.size).min(self.size)
    }

    /// Writes what `source` sends, as far as the claim reaches in the end. What comes next
    /// is received while this is written and hashed.
    async fn take(
        &self,
        mut source: UpstreamContent,
        claim: &Claim<'_>,
        mut hasher: Option<ContentHasher>,
    ) -> Result<Option<ContentHasher>, FetchError> {
        let mut pieces = source.next().await?;
        loop {
            let (at, room, is_cut) = claim.begin(length_of(&pieces), source.end());
            let taken = cut(pieces, room);
            if taken.is_empty() {
                return Ok(hasher);
            }
            let received = self.received.fetch_add(room, Ordering::Relaxed) + room;
            self.sink.make_room(received).await?;
            let write = async {
                let written = self.writer.write(at, taken, hasher).await?;
                claim.written(at + room);
                self.sink.written();
                Ok::<_, FetchError>(written)
            };
            let next = async {
                Ok(match is_cut {
                    true => Ok(Vec::new()),
                    false => source.next().await,
                })
            };
            let (written, next) = tokio::try_join!(write, next)?;
            hasher = written;
            pieces = next?;
        }
    }

    /// Fetches what readers wait for, as long as that is allowed and goes well.
    async fn ahead(&self, may_ask_apart: impl Fn() -> bool) {
        let mut fetches = FuturesUnordered::new();
        let mut goes_well = true;
        loop {
            let wishes = self.writer.growing().wishes();
            while goes_well && fetches.len() < MAX_AHEAD && may_ask_apart() {
                let Some(wish) = wishes.iter().find(|wish| self.is_due(wish)) else {
                    break;
                };
                let claim = self.claim_ahead(wish);
                fetches.push(self.fetch_ahead(claim, wish.reader));
            }
            tokio::select! {
                Some(fetched) = fetches.next() => goes_well &= Result::is_ok(&fetched),
                () = self.writer.growing().wished() => {}
                () = sleep(IN_ORDER_TIMEOUT), if !wishes.is_empty() => {}
            }
        }
    }

    /// Whether a reader has waited, and would have to wait on.
    fn is_due(&self, wish: &ReaderWish) -> bool {
        let at = wish.range.start;
        wish.since.elapsed() >= IN_ORDER_TIMEOUT
            && self.writer.growing().filled_to(at) == at
            && !self.claims.reach_soon(at, IN_ORDER_TIMEOUT)
    }

    /// Claims what a reader waits for, and some more.
    fn claim_ahead(&self, wish: &ReaderWish) -> Claim<'_> {
        let start = wish.range.start;
        let wanted = (wish.range.end - start).clamp(LEAST_AHEAD, MOST_AHEAD);
        self.claims.cut_at(start);
        let end = self.end_of_hole(start).min(start + wanted);
        self.claims.claim(start..end)
    }

    /// Fetches a span, and those behind it for as long as its reader wants them.
    async fn fetch_ahead(&self, mut claim: Claim<'_>, reader: u64) -> Result<(), FetchError> {
        loop {
            let span = claim.left();
            let source = UpstreamContent::open(self.open.clone(), span.clone(), self.size).await?;
            self.take(source, &claim, None).await?;
            let at = claim.left().start;
            drop(claim);
            if at < span.end || !self.is_hole(at) || !self.is_wanted(reader, at) {
                return Ok(());
            }
            let end = self.end_of_hole(at).min(at + MOST_AHEAD);
            claim = self.claims.claim(at..end);
        }
    }

    fn is_wanted(&self, reader: u64, at: u64) -> bool {
        at < self.size && self.writer.growing().is_wished(reader, at)
    }
}

fn length_of(pieces: &[Bytes]) -> u64 {
    pieces.iter().map(|piece| piece.len() as u64).sum()
}

/// The first `length` bytes.
fn cut(mut pieces: Vec<Bytes>, mut length: u64) -> Vec<Bytes> {
    pieces.retain_mut(|piece| {
        let kept = usize::try_from(length).map_or(piece.len(), |left| left.min(piece.len()));
        piece.truncate(kept);
        length -= kept as u64;
        kept > 0
    });
    pieces
}
