//! Writes a growing file, and hashes it from its beginning on.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;

use super::digests::ContentHasher;
use crate::stream::{GrowingFile, GrowingWriter, SharedFile, growing_file};

/// What was filled ahead is read back and hashed by so many bytes at once.
const CATCH_UP_BYTES: u64 = 1024 * 1024;

/// Clones write the same file, at different places.
#[derive(Clone)]
pub(super) struct GrowingFileWriter {
    file: Arc<SharedFile>,
    growing: Arc<GrowingWriter>,
}

impl GrowingFileWriter {
    /// Writes `file` up to `size` bytes, with the end that readers follow.
    pub(super) fn new(file: Arc<SharedFile>, size: u64) -> (Self, GrowingFile) {
        let (writer, growing) = growing_file(file.clone(), size);
        let growing_writer = Arc::new(writer);
        let writer = Self {
            file,
            growing: growing_writer,
        };
        (writer, growing)
    }

    pub(super) fn growing(&self) -> &GrowingWriter {
        &self.growing
    }

    /// Writes `pieces` at `at`, on the blocking pool. Readers get them before they are
    /// hashed, and from memory meanwhile; the withheld tail waits for verification anyway.
    /// Only what follows on what `hasher` has seen is hashed now.
    pub(super) async fn write(
        &self,
        at: u64,
        pieces: Vec<Bytes>,
        hasher: Option<ContentHasher>,
    ) -> io::Result<Option<ContentHasher>> {
        let writer = self.clone();
        let write = move || {
            let end = writer.write_waiting(at, &pieces)?;
            let follows = hasher.as_ref().is_some_and(|hasher| hasher.size() == at);
            let _fresh = follows.then(|| writer.growing.keep_fresh(at, &pieces));
            writer.growing.filled(at..end);
            Ok(hasher.map(|hasher| match follows {
                true => hasher.after(pieces).0,
                false => hasher,
            }))
        };
        let written = tokio::task::spawn_blocking(write).await;
        written.map_err(io::Error::other)?
    }

    /// What is in the file already is never written again: it may be hashed and read.
    fn write_waiting(&self, mut at: u64, pieces: &[Bytes]) -> io::Result<u64> {
        let length: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        let there = self.growing.next_filled(at);
        if there.is_some_and(|there| there < at + length) {
            return Err(io::Error::other("bytes of a fill came twice"));
        }
        for piece in pieces {
            self.file.write_all_at(piece, at)?;
            at += piece.len() as u64;
        }
        Ok(at)
    }

    /// Hashes what is in the file behind what `hasher` has seen: it was filled ahead.
    pub(super) async fn catch_up(&self, mut hasher: ContentHasher) -> io::Result<ContentHasher> {
        loop {
            let at = hasher.size();
            let end = self.growing.filled_to(at).min(at + CATCH_UP_BYTES);
            if at == end {
                return Ok(hasher);
            }
            let file = self.file.clone();
            let read = move || {
                let length = usize::try_from(end - at).map_err(io::Error::other)?;
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, at)?;
                hasher.update(&bytes);
                io::Result::Ok(hasher)
            };
            let read = tokio::task::spawn_blocking(read).await;
            hasher = read.map_err(io::Error::other)??;
        }
    }
}
