//! Writes a growing file and hashes it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;

use super::digests::{ContentHasher, VerifiedContent};
use crate::stream::{GrowingFile, GrowingWriter, growing_file};

pub(super) struct GrowingFileWriter {
    file: Arc<File>,
    written: u64,
    digests: ContentHasher,
    writer_end: GrowingWriter,
}

impl GrowingFileWriter {
    /// Writes `file` up to `size` bytes, with the end that readers follow.
    pub(super) fn new(file: Arc<File>, size: u64) -> (Self, GrowingFile) {
        let (writer_end, growing) = growing_file(file.clone(), size);
        let writer = Self {
            file,
            written: 0,
            digests: ContentHasher::default(),
            writer_end,
        };
        (writer, growing)
    }

    /// Appends `pieces` on the blocking pool. Readers get them before they are hashed;
    /// the withheld tail waits for verification anyway.
    pub(super) async fn write(self, pieces: Vec<Bytes>) -> io::Result<Self> {
        tokio::task::spawn_blocking(move || self.write_waiting(&pieces))
            .await
            .map_err(io::Error::other)?
    }

    fn write_waiting(mut self, pieces: &[Bytes]) -> io::Result<Self> {
        for piece in pieces {
            self.file.write_all_at(piece, self.written)?;
            self.written += piece.len() as u64;
        }
        self.writer_end.advance(self.written);
        for piece in pieces {
            self.digests.update(piece);
        }
        Ok(self)
    }

    /// The verified content, and the writer that can release the withheld tail to
    /// readers.
    pub(super) fn finish(self) -> (VerifiedContent, GrowingWriter) {
        (self.digests.finish(), self.writer_end)
    }
}
