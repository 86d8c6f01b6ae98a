//! A file that one writer fills, from its beginning and in ranges ahead of that, and any
//! number of readers follow. The writer never waits for a reader.
//!
//! Bytes become readable as they are written, but the last [`WITHHELD_TAIL_BYTES`] bytes only
//! once the writer says that the whole is right: no client can come to hold a
//! complete content that was never verified, not even out of ranges. All that any reader
//! gets is read from the file whose bytes are verified, or is the memory that was written
//! there and is being hashed.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::{Notify, watch};

use super::file::FileReader;
use super::filled::FilledRanges;
use super::shared_file::{SharedFile, is_crowd};

/// How many bytes at the end wait for verification. A shorter content waits
/// as a whole.
pub const WITHHELD_TAIL_BYTES: u64 = 64 * 1024;

/// The least of what was just written that is worth a chunk of its own, in bytes; less is read
/// from the file together with what follows.
const MIN_FRESH_BYTES: usize = 16 * 1024;

/// Begins the growth of `file` to `total` bytes.
pub fn growing_file(file: Arc<SharedFile>, total: u64) -> (GrowingWriter, GrowingFile) {
    let (changed, changes) = watch::channel(());
    let shared = Arc::new(Shared {
        file,
        total,
        growth: Mutex::default(),
        wished: Notify::new(),
    });
    let writer = GrowingWriter {
        shared: shared.clone(),
        changed,
    };
    (writer, GrowingFile { shared, changes })
}

struct Shared {
    file: Arc<SharedFile>,
    total: u64,
    growth: Mutex<Growth>,
    /// Told of the first wish.
    wished: Notify,
}

#[derive(Default)]
struct Growth {
    filled: FilledRanges,
    /// What was written and is still in memory, by its place in the file.
    fresh: BTreeMap<u64, Bytes>,
    is_complete: bool,
    /// Of the readers that have waited, by a number each.
    wishes: BTreeMap<u64, ReaderWish>,
    next_wish: u64,
}

/// What a reader waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderWish {
    /// Tells one reader from another.
    pub reader: u64,
    /// From where it waited last, to the end of its range.
    pub range: Range<u64>,
    pub since: Instant,
}

impl Shared {
    fn growth(&self) -> MutexGuard<'_, Growth> {
        self.growth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `readable` begins with, if it is in memory. A crowd reads aligned pieces, which
    /// it holds once however far its readers are apart.
    fn fresh(self: &Arc<Self>, readable: &Range<u64>) -> Option<Bytes> {
        if is_crowd(Arc::strong_count(self)) {
            return None;
        }
        let growth = self.growth();
        let (start, piece) = growth.fresh.range(..=readable.start).next_back()?;
        let skipped = usize::try_from(readable.start - start).ok()?;
        let end =
            usize::try_from(readable.end - start).map_or(piece.len(), |end| end.min(piece.len()));
        (skipped + MIN_FRESH_BYTES <= end).then(|| piece.slice(skipped..end))
    }

    /// How many bytes may be read before the whole is verified.
    fn unverified(&self) -> u64 {
        self.total.saturating_sub(WITHHELD_TAIL_BYTES)
    }
}

/// The writing end. Dropped before [`GrowingWriter::complete`], every reader fails.
pub struct GrowingWriter {
    shared: Arc<Shared>,
    changed: watch::Sender<()>,
}

impl GrowingWriter {
    /// Lets readers have `pieces`, which lie in the file from `at` on, out of memory until the
    /// answer is dropped: reading them back costs a copy. Nobody gets them before they are
    /// [`Self::filled`].
    pub fn keep_fresh(&self, at: u64, pieces: &[Bytes]) -> FreshPieces {
        let mut places = Vec::with_capacity(pieces.len());
        let mut growth = self.shared.growth();
        let mut end = at;
        for piece in pieces {
            growth.fresh.insert(end, piece.clone());
            places.push(end);
            end += piece.len() as u64;
        }
        FreshPieces {
            shared: self.shared.clone(),
            places,
        }
    }

    /// Says that the bytes of `range` are in the file.
    pub fn filled(&self, range: Range<u64>) {
        self.shared.growth().filled.insert(range);
        self.changed.send_replace(());
    }

    /// The first offset from `at` on that is not in the file.
    pub fn filled_to(&self, at: u64) -> u64 {
        self.shared.growth().filled.end_from(at)
    }

    /// The first offset from `at` on that is in the file.
    pub fn next_filled(&self, at: u64) -> Option<u64> {
        self.shared.growth().filled.next_from(at)
    }

    /// Says that all bytes are in the file, and verified.
    pub fn complete(&self) {
        self.shared.growth().is_complete = true;
        self.changed.send_replace(());
    }

    /// The wishes of readers that live, where what they begin with is missing.
    pub fn wishes(&self) -> Vec<ReaderWish> {
        let growth = self.shared.growth();
        let wishes = growth.wishes.values();
        let unmet = wishes.filter(|it| growth.filled.end_from(it.range.start) == it.range.start);
        unmet.cloned().collect()
    }

    /// Whether this reader lives and still wants the byte at `at`.
    pub fn is_wished(&self, reader: u64, at: u64) -> bool {
        let growth = self.shared.growth();
        let wish = growth.wishes.get(&reader);
        wish.is_some_and(|it| it.range.contains(&at))
    }

    /// Waits until a reader waits where none has before.
    pub async fn wished(&self) {
        self.shared.wished.notified().await;
    }
}

/// Pieces that readers get out of memory while this lives.
#[must_use]
pub struct FreshPieces {
    shared: Arc<Shared>,
    places: Vec<u64>,
}

impl Drop for FreshPieces {
    fn drop(&mut self) {
        let mut growth = self.shared.growth();
        for place in &self.places {
            growth.fresh.remove(place);
        }
    }
}

/// The reading end.
#[derive(Clone)]
pub struct GrowingFile {
    shared: Arc<Shared>,
    changes: watch::Receiver<()>,
}

impl GrowingFile {
    /// Length of the content when it is complete.
    pub fn total(&self) -> u64 {
        self.shared.total
    }

    pub(super) fn follow(self, range: Range<u64>) -> GrowingReader {
        GrowingReader {
            shared: self.shared,
            changes: self.changes,
            left: range,
            wish: None,
        }
    }
}

/// One reader of a growing file.
pub(super) struct GrowingReader {
    shared: Arc<Shared>,
    changes: watch::Receiver<()>,
    left: Range<u64>,
    /// Its number among those that have waited.
    wish: Option<u64>,
}

impl GrowingReader {
    /// The next bytes as soon as they may be read; `None` at the end.
    pub(super) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let limit = self.readable().await?;
        let readable = self.left.start..limit.min(self.left.end);
        let bytes = match self.shared.fresh(&readable) {
            Some(bytes) => bytes,
            None => {
                let mut reader = FileReader::new(self.shared.file.clone(), readable);
                reader.next_shared(self.shared.total).await?
            }
        };
        self.left.start += bytes.len() as u64;
        Ok(Some(bytes))
    }

    /// Waits until the next byte may be read. Returns how far from there on they may.
    async fn readable(&mut self) -> io::Result<u64> {
        loop {
            self.changes.mark_unchanged();
            if let Some(limit) = self.readable_now() {
                return Ok(limit);
            }
            self.changes.changed().await.map_err(|_| broken_off())?;
        }
    }

    fn readable_now(&mut self) -> Option<u64> {
        let at = self.left.start;
        let mut growth = self.shared.growth();
        let limit = match growth.is_complete {
            true => self.shared.total,
            false => growth.filled.end_from(at).min(self.shared.unverified()),
        };
        if limit > at {
            return Some(limit);
        }
        if at < self.shared.unverified() {
            let reader = *self.wish.get_or_insert(growth.next_wish);
            growth.next_wish = growth.next_wish.max(reader + 1);
            if growth.wishes.is_empty() {
                self.shared.wished.notify_one();
            }
            // Woken in vain, it has waited since it began to.
            let waits_on = growth.wishes.get(&reader);
            if waits_on.is_none_or(|it| it.range.start != at) {
                let (range, since) = (self.left.clone(), Instant::now());
                let wish = ReaderWish {
                    reader,
                    range,
                    since,
                };
                growth.wishes.insert(reader, wish);
            }
        }
        None
    }
}

impl Drop for GrowingReader {
    fn drop(&mut self) {
        if let Some(reader) = self.wish {
            self.shared.growth().wishes.remove(&reader);
        }
    }
}

fn broken_off() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the fill was broken off")
}
