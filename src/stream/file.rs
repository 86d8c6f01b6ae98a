//! Reading a range of an open file without holding up the runtime: what is in
//! the page cache is copied at once, the rest is left to the blocking pool.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use rustix::io::{ReadWriteFlags, preadv2};

use super::buffer::{Buffer, CHUNK_BYTES};
use super::shared_file::{PIECE_BYTES, SharedFile};

/// Length of the first chunk in bytes; shorter, so that the first byte is sent early.
const FIRST_CHUNK_BYTES: usize = CHUNK_BYTES / 2;

/// A position in a file and the end to read to.
pub(super) struct FileReader {
    file: Arc<SharedFile>,
    left: Range<u64>,
    piece: usize,
}

impl FileReader {
    pub(super) fn new(file: Arc<SharedFile>, range: Range<u64>) -> Self {
        Self {
            file,
            left: range,
            piece: FIRST_CHUNK_BYTES,
        }
    }

    /// Whether all of the range has been read.
    pub(super) fn is_done(&self) -> bool {
        self.left.is_empty()
    }

    /// The next bytes of a file of `total` bytes; what others read, too, where that is shared.
    pub(super) async fn next_of(&mut self, total: u64) -> io::Result<Bytes> {
        let piece = piece_at(self.left.start, total).start;
        match self.file.is_read_by_pieces(piece) {
            true => self.next_shared(total).await,
            false => self.next(u64::MAX).await,
        }
    }

    /// The next bytes of a file of `total` bytes: of a piece that others read, too, where it is
    /// in memory, or all of it is in the range.
    pub(super) async fn next_shared(&mut self, total: u64) -> io::Result<Bytes> {
        let Range { start: at, end } = self.left;
        let piece = piece_at(at, total);
        let is_worth_it = piece.end <= end && end - at >= PIECE_BYTES / 4;
        let bytes = match self.file.in_memory(piece.start) {
            Some(bytes) => bytes,
            None if is_worth_it => self.piece(&piece).await?,
            None => return self.next(end).await,
        };
        let within = |offset: u64| usize::try_from(offset - piece.start).unwrap_or(usize::MAX);
        let (from, to) = (within(at), within(end).min(bytes.len()));
        if from >= to {
            return self.next(end).await;
        }
        self.left.start += (to - from) as u64;
        Ok(bytes.slice(from..to))
    }

    /// Reads a piece, and lets others have it if all of it is there.
    async fn piece(&self, piece: &Range<u64>) -> io::Result<Bytes> {
        let length = usize::try_from(piece.end - piece.start).map_err(io::Error::other)?;
        let bytes = self.read(Buffer::of_its_own(length), piece.start).await?;
        match bytes.len() == length {
            true => Ok(self.file.share(piece.start, bytes)),
            false => Ok(bytes),
        }
    }

    /// The next bytes, never beyond `limit`, an offset in the file that must
    /// lie behind the position.
    pub(super) async fn next(&mut self, limit: u64) -> io::Result<Bytes> {
        let left = limit.min(self.left.end).saturating_sub(self.left.start);
        let length = usize::try_from(left).map_or(self.piece, |left| left.min(self.piece));
        let bytes = self
            .read(Buffer::with_room(length), self.left.start)
            .await?;
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left.start += bytes.len() as u64;
        self.piece = CHUNK_BYTES;
        Ok(bytes)
    }

    async fn read(&self, mut buffer: Buffer, offset: u64) -> io::Result<Bytes> {
        if let Some(length) = read_resident(&self.file, buffer.room(), offset) {
            return Ok(buffer.into_bytes(length));
        }
        let file = self.file.clone();
        let read = move || {
            let length = read_waiting(&file, buffer.room(), offset)?;
            Ok(buffer.into_bytes(length))
        };
        tokio::task::spawn_blocking(read)
            .await
            .map_err(io::Error::other)?
    }
}

/// The piece in which `at` lies.
fn piece_at(at: u64, total: u64) -> Range<u64> {
    let start = at - at % PIECE_BYTES;
    start..(start + PIECE_BYTES).min(total)
}

/// What the page cache holds at `offset`. `None` when nothing is there, or the
/// file system cannot tell.
fn read_resident(file: &File, room: &mut [u8], offset: u64) -> Option<usize> {
    let mut rooms = [IoSliceMut::new(room)];
    preadv2(file, &mut rooms, offset, ReadWriteFlags::NOWAIT).ok()
}

fn read_waiting(file: &File, room: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(room, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
