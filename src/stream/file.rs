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

/// Length of the first chunk in bytes; shorter, so that the first byte is sent early.
const FIRST_CHUNK_BYTES: usize = CHUNK_BYTES / 2;

/// A position in a file and the end to read to.
pub(super) struct FileReader {
    file: Arc<File>,
    left: Range<u64>,
    piece: usize,
}

impl FileReader {
    pub(super) fn new(file: Arc<File>, range: Range<u64>) -> Self {
        Self {
            file,
            left: range,
            piece: FIRST_CHUNK_BYTES,
        }
    }

    /// Offset of the next byte; `None` at the end of the range.
    pub(super) fn position(&self) -> Option<u64> {
        (!self.left.is_empty()).then_some(self.left.start)
    }

    /// The next bytes, never beyond `limit`, an offset in the file that must
    /// lie behind the position.
    pub(super) async fn next(&mut self, limit: u64) -> io::Result<Bytes> {
        let left = limit.min(self.left.end).saturating_sub(self.left.start);
        let length = usize::try_from(left).map_or(self.piece, |left| left.min(self.piece));
        let bytes = self.read(Buffer::with_room(length)).await?;
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left.start += bytes.len() as u64;
        self.piece = CHUNK_BYTES;
        Ok(bytes)
    }

    async fn read(&self, mut buffer: Buffer) -> io::Result<Bytes> {
        let offset = self.left.start;
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
