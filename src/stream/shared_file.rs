//! An open file that several readers may read at once, and what is in memory of it.
//!
//! What one of several readers has read serves the others, so that it is copied out of the page
//! cache once and not for each: as long as somebody reads the file, within a budget. Where the
//! readers are a crowd, what one of them holds serves the others beyond that budget, too, so
//! that all of them take no more memory than the file has bytes.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;

use super::piece_budget::{PieceBudget, TakenBytes};

/// Length in bytes of a piece that readers share; the last one of a file is shorter.
pub(super) const PIECE_BYTES: u64 = 64 * 1024;

/// Places of pieces that are remembered before those that nobody holds are forgotten.
const MAX_FORGOTTEN: usize = 256;

/// How many read a file at least where what they read is kept. Fewer often end together, and
/// what they kept would be read, and its memory taken, anew by the next.
const SEVERAL: usize = 4;

/// From how many holders of a file on they share pieces beyond the budget: each alone would keep
/// some 512 KiB for a client that is slow. Fewer read larger pieces, which costs less.
const CROWD: usize = 64;

/// Whether so many hold a file that they should share what they read.
pub(super) fn is_crowd(holders: usize) -> bool {
    holders > CROWD
}

/// A file, and the pieces of it that are in memory.
#[derive(Debug)]
pub struct SharedFile {
    file: File,
    pieces: Mutex<Pieces>,
    kept: Option<TakenBytes>,
}

/// Pieces by where they begin.
#[derive(Debug, Default)]
struct Pieces {
    /// Until the file is closed.
    kept: HashMap<u64, Bytes>,
    /// As long as a reader holds them.
    held: HashMap<u64, Weak<Bytes>>,
}

impl Pieces {
    fn get(&self, start: u64) -> Option<Bytes> {
        let kept = self.kept.get(&start).cloned();
        kept.or_else(|| {
            let held = self.held.get(&start)?.upgrade()?;
            Some(Bytes::from_owner(HeldPiece(held)))
        })
    }

    fn hold(&mut self, start: u64, piece: Bytes) -> Bytes {
        if self.held.len() >= MAX_FORGOTTEN {
            self.held.retain(|_, piece| piece.strong_count() > 0);
        }
        let piece = Arc::new(piece);
        self.held.insert(start, Arc::downgrade(&piece));
        Bytes::from_owner(HeldPiece(piece))
    }
}

/// One reader's hold on a piece.
struct HeldPiece(Arc<Bytes>);

impl AsRef<[u8]> for HeldPiece {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Deref for SharedFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.file
    }
}

impl SharedFile {
    /// Nothing of it is kept in memory, however many read it.
    pub fn new(file: File) -> Arc<Self> {
        Self::keeping(None, file)
    }

    /// What several read of it is kept in memory as far as `budget` goes.
    pub fn within(budget: &Arc<PieceBudget>, file: File) -> Arc<Self> {
        Self::keeping(Some(budget.clone().nothing_yet()), file)
    }

    fn keeping(kept: Option<TakenBytes>, file: File) -> Arc<Self> {
        let pieces = Mutex::default();
        Arc::new(Self { file, pieces, kept })
    }

    /// Whether to read by pieces that others may have: what is kept already, what will be as
    /// several read, and all where the readers are a crowd. `piece`: where the next begins.
    pub(super) fn is_read_by_pieces(self: &Arc<Self>, piece: u64) -> bool {
        let holders = Arc::strong_count(self);
        let keeps = |kept: &TakenBytes| {
            holders >= SEVERAL && kept.has_room_for(PIECE_BYTES)
                || self.lock().kept.contains_key(&piece)
        };
        is_crowd(holders) || self.kept.as_ref().is_some_and(keeps)
    }

    /// The piece that begins at `start`, where it is in memory.
    pub(super) fn in_memory(&self, start: u64) -> Option<Bytes> {
        self.lock().get(start)
    }

    /// Lets others have this piece: until the file is closed, or as long as it is held.
    pub(super) fn share(&self, start: u64, piece: Bytes) -> Bytes {
        let mut pieces = self.lock();
        // Another reader was faster.
        if let Some(there) = pieces.get(start) {
            return there;
        }
        let length = piece.len() as u64;
        if self.kept.as_ref().is_some_and(|kept| kept.take(length)) {
            pieces.kept.insert(start, piece.clone());
            return piece;
        }
        pieces.hold(start, piece)
    }

    fn lock(&self) -> MutexGuard<'_, Pieces> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
