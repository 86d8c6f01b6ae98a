//! An open file that several readers may read at once, and what they have in memory of it.
//! Where they are many, what one of them has read serves the others while it is held, so that
//! all of them take no more memory than the file has bytes.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;

/// Places of pieces that are remembered before those that nobody holds are forgotten.
const MAX_FORGOTTEN: usize = 256;

/// From how many holders of a file on they share pieces: each alone would keep some 512 KiB
/// for a client that is slow. Fewer read larger pieces, which costs less.
const CROWD: usize = 64;

/// A file, and the pieces of it that somebody holds.
#[derive(Debug)]
pub struct SharedFile {
    file: File,
    held: Mutex<HashMap<u64, Weak<Bytes>>>,
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
    pub fn new(file: File) -> Arc<Self> {
        let held = Mutex::default();
        Arc::new(Self { file, held })
    }

    /// Whether so many hold the file that they should share what they read.
    pub(super) fn is_crowded(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) > CROWD
    }

    /// The piece that begins at `start`, where somebody holds it.
    pub(super) fn held(&self, start: u64) -> Option<Bytes> {
        let held = self.lock().get(&start).and_then(Weak::upgrade)?;
        Some(Bytes::from_owner(HeldPiece(held)))
    }

    /// Lets others have this piece as long as it is held.
    pub(super) fn hold(&self, start: u64, piece: Bytes) -> Bytes {
        let piece = Arc::new(piece);
        let mut held = self.lock();
        if held.len() >= MAX_FORGOTTEN {
            held.retain(|_, piece| piece.strong_count() > 0);
        }
        held.insert(start, Arc::downgrade(&piece));
        Bytes::from_owner(HeldPiece(piece))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Weak<Bytes>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
