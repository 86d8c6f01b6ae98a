//! Pieces of one file that several readers hold at once, read once for all of them: so
//! many readers of one content take no more memory than it has bytes.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;

use super::file::FileReader;

/// Length of a piece in bytes; the last one is shorter.
pub(super) const PIECE_BYTES: u64 = 64 * 1024;

/// Places of pieces that are remembered before those that nobody holds are forgotten.
const MAX_FORGOTTEN: usize = 256;

#[derive(Default)]
pub(super) struct SharedPieces {
    held: Mutex<HashMap<u64, Weak<Bytes>>>,
}

/// One reader's hold on a piece.
struct HeldPiece(Arc<Bytes>);

impl AsRef<[u8]> for HeldPiece {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl SharedPieces {
    /// The piece in which `at` lies.
    pub(super) fn range_of(at: u64, total: u64) -> Range<u64> {
        let start = at - at % PIECE_BYTES;
        start..(start + PIECE_BYTES).min(total)
    }

    /// The bytes of a piece, all of which are in the file.
    pub(super) async fn read(&self, file: &Arc<File>, piece: Range<u64>) -> io::Result<Bytes> {
        let held = self.lock().get(&piece.start).and_then(Weak::upgrade);
        if let Some(held) = held {
            return Ok(Bytes::from_owner(HeldPiece(held)));
        }
        let length = piece.end - piece.start;
        let bytes = FileReader::new(file.clone(), piece.clone())
            .next(piece.end)
            .await?;
        if bytes.len() as u64 != length {
            return Ok(bytes);
        }
        let held = Arc::new(bytes);
        self.hold(piece.start, &held);
        Ok(Bytes::from_owner(HeldPiece(held)))
    }

    fn hold(&self, start: u64, piece: &Arc<Bytes>) {
        let mut held = self.lock();
        if held.len() >= MAX_FORGOTTEN {
            held.retain(|_, piece| piece.strong_count() > 0);
        }
        held.insert(start, Arc::downgrade(piece));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Weak<Bytes>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
