//! Writes a growing file and hashes what it writes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;

use super::digests::{Digests, Filled};
use crate::stream::{Grower, Growing, growth};

pub(super) struct Writer {
    file: Arc<File>,
    written: u64,
    digests: Digests,
    grower: Grower,
}

impl Writer {
    /// Writes `file` up to `size` bytes, with the end that readers follow.
    pub(super) fn new(file: Arc<File>, size: u64) -> (Self, Growing) {
        let (grower, growing) = growth(file.clone(), size);
        let writer = Self {
            file,
            written: 0,
            digests: Digests::default(),
            grower,
        };
        (writer, growing)
    }

    /// Appends `pieces` on the blocking pool. Readers get them before they are
    /// hashed; their tail waits for the verdict anyway.
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
        self.grower.advance(self.written);
        for piece in pieces {
            self.digests.update(piece);
        }
        Ok(self)
    }

    /// What was written, and the means to let readers have the tail of it.
    pub(super) fn finish(self) -> (Filled, Grower) {
        (self.digests.finish(), self.grower)
    }
}
