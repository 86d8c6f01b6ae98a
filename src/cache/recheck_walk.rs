//! The order in which large stored blobs are read again, and how far that came.

use std::fs::File;
use std::io::{self, ErrorKind, Read};

use jiff::{SignedDuration, Timestamp};

use super::content_memory::MAX_BLOB_BYTES;
use super::digests::ContentHasher;
use super::file_store::FileStore;
use crate::file_access::open_own;
use crate::oci::{Algorithm, Digest};
use crate::random;

/// Read at once, in bytes.
const READ_BYTES: usize = 256 * 1024;
/// A start has other work to do.
const FIRST_WALK_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// A walk begins so long after the one before, at the earliest.
const WALK_PERIOD: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Where the walk stands.
#[derive(Default)]
pub(super) struct RecheckWalk {
    /// When the next one begins.
    begins: Option<Timestamp>,
    /// What is left of this one, in random order: so a program that is often started comes to
    /// all of it, too.
    left: Vec<Digest>,
    pub current: Option<BlobRecheck>,
}

/// A stored file that is being read.
pub(super) struct BlobRecheck {
    pub digest: Digest,
    file: File,
    hasher: ContentHasher,
}

impl RecheckWalk {
    /// The file to read on in.
    pub(super) fn next(&mut self, now: Timestamp, store: &FileStore) -> Option<BlobRecheck> {
        if let Some(current) = self.current.take() {
            return Some(current);
        }
        if self.left.is_empty() {
            self.begin(now, store);
        }
        while let Some(digest) = self.left.pop() {
            // What is gone, or cannot be opened for now, is no concern of this walk.
            if let Ok(file) = open_own(&store.file_path(&digest)) {
                let hasher = ContentHasher::new(digest.algorithm() == Algorithm::Sha512);
                return Some(BlobRecheck {
                    digest,
                    file,
                    hasher,
                });
            }
        }
        None
    }

    fn begin(&mut self, now: Timestamp, store: &FileStore) {
        let first = now.saturating_add(FIRST_WALK_AFTER).unwrap_or(now);
        if *self.begins.get_or_insert(first) > now {
            return;
        }
        self.begins = Some(now.saturating_add(WALK_PERIOD).unwrap_or(now));
        let is_large = |digest: &Digest| store.size(digest) > Some(MAX_BLOB_BYTES);
        self.left = store.digests();
        self.left.retain(is_large);
        self.left.sort_by_cached_key(|_| random::bytes::<8>());
    }
}

impl BlobRecheck {
    /// Reads on for as long as there is room. Whether that was all of it.
    pub(super) fn read_on(&mut self, room: &mut usize) -> io::Result<bool> {
        let mut buffer = vec![0; READ_BYTES];
        while *room > 0 {
            match self.file.read(&mut buffer) {
                Ok(0) => return Ok(true),
                Ok(length) => {
                    self.hasher.update(&buffer[..length]);
                    *room = room.saturating_sub(length);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    pub(super) fn proves_right(self) -> bool {
        self.hasher.finish().verify(&self.digest).is_ok()
    }
}
