//! The files of one kind, blobs or manifests, and the index of them in memory.
//!
//! A reader holds an `Arc` of the open file; the index remembers it weakly. So
//! readers share one handle, and what is being read is known without counting.
//!
//! No file is touched while the index is locked. What changes or opens files
//! belongs into the blocking pool and says so.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use dashmap::DashMap;

use super::claims::Claims;
use super::counters::Counter;
use super::open::{open_resident, open_sound};
use super::temporary::{Buried, Temporary, Workbench, set_pulled};
use crate::oci::Digest;

/// Pull times are exact to this many seconds, so that a hot file is not
/// written to, and the members of one pull keep one time and age together.
const COARSE: i64 = 60;

pub(super) struct Shelf {
    root: PathBuf,
    entries: DashMap<Digest, Entry>,
    claims: Claims,
    bytes: Counter,
}

/// A stored file, as it is found without waiting for the disk.
pub(super) enum Found {
    Missing,
    /// Open, with its length in bytes.
    Open(Arc<File>, u64),
    /// To be opened with [`Shelf::open`].
    Closed,
}

pub(super) struct Entry {
    pub size: u64,
    /// When it was last pulled, in seconds of the Unix epoch.
    pub pulled: i64,
    /// The pull time that the file itself bears.
    saved: i64,
    reader: Weak<File>,
}

/// Something that may be evicted; orders by what goes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    pub pulled: i64,
    pub digest: Digest,
    pub size: u64,
}

impl Shelf {
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            entries: DashMap::new(),
            claims: Claims::default(),
            bytes: Counter::default(),
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Stored bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    pub(super) fn contains(&self, digest: &Digest) -> bool {
        self.entries.contains_key(digest)
    }

    pub(super) fn digests(&self) -> Vec<Digest> {
        let keys = self.entries.iter();
        keys.map(|entry| entry.key().clone()).collect()
    }

    pub(super) fn file_path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        let folder = self.root.join(digest.algorithm().as_str());
        folder.join(&hex[..2]).join(hex)
    }

    /// Adds a file that is there, and perhaps being read.
    pub(super) fn insert(&self, digest: Digest, size: u64, pulled: i64, reader: Weak<File>) {
        let entry = Entry {
            size,
            pulled,
            saved: pulled,
            reader,
        };
        self.bytes.add(size);
        if let Some(replaced) = self.entries.insert(digest, entry) {
            self.bytes.sub(replaced.size);
        }
    }

    /// Makes a verified file visible. Blocks.
    pub(super) fn shelve(
        &self,
        temporary: Temporary,
        digest: &Digest,
        pulled: i64,
    ) -> io::Result<()> {
        let size = temporary.file().metadata()?.len();
        let reader = Arc::downgrade(temporary.file());
        let _claim = self.claims.take(digest);
        temporary.persist(&self.file_path(digest), pulled)?;
        self.insert(digest.clone(), size, pulled, reader);
        Ok(())
    }

    /// Finds a file for a reader, and notes the pull. Opens it only if the kernel
    /// holds its path in memory.
    pub(super) fn find(&self, digest: &Digest, pulled: i64) -> Found {
        let Some((size, reader)) = self.pull(digest, pulled) else {
            return Found::Missing;
        };
        if let Some(file) = reader {
            return Found::Open(file, size);
        }
        match open_resident(&self.file_path(digest), size) {
            Some(file) => Found::Open(self.pin(digest, Arc::new(file)), size),
            None => Found::Closed,
        }
    }

    /// Opens a file for a reader, with its size. A file that is missing or of
    /// the wrong length is a miss, and leaves the shelf. Blocks.
    pub(super) fn open(
        &self,
        digest: &Digest,
        pulled: i64,
        workbench: &Workbench,
    ) -> Option<(Arc<File>, u64)> {
        let (size, reader) = self.pull(digest, pulled)?;
        if let Some(file) = reader {
            return Some((file, size));
        }
        let file = open_sound(&self.file_path(digest), size);
        if file.is_none() {
            let _buried = self.remove_unsound(digest, workbench);
        }
        Some((self.pin(digest, Arc::new(file?)), size))
    }

    fn pull(&self, digest: &Digest, pulled: i64) -> Option<(u64, Option<Arc<File>>)> {
        let mut entry = self.entries.get_mut(digest)?;
        if pulled >= entry.pulled.saturating_add(COARSE) {
            entry.pulled = pulled;
        }
        Some((entry.size, entry.reader.upgrade()))
    }

    /// Lets readers share one handle. Whoever came first has it.
    fn pin(&self, digest: &Digest, file: Arc<File>) -> Arc<File> {
        let Some(mut entry) = self.entries.get_mut(digest) else {
            return file;
        };
        entry.reader.upgrade().unwrap_or_else(|| {
            entry.reader = Arc::downgrade(&file);
            file
        })
    }

    /// Notes a pull exactly.
    pub(super) fn touch(&self, digest: &Digest, pulled: i64) {
        if let Some(mut entry) = self.entries.get_mut(digest) {
            entry.pulled = entry.pulled.max(pulled);
        }
    }

    /// What may be evicted, least recently pulled first.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let entries = self.entries.iter();
        let mut candidates: Vec<_> = entries
            .map(|entry| Candidate {
                pulled: entry.pulled,
                digest: entry.key().clone(),
                size: entry.size,
            })
            .collect();
        candidates.sort_unstable();
        candidates
    }

    /// Removes a file unless it is being read or was pulled after all. Blocks.
    pub(super) fn evict(&self, candidate: &Candidate, workbench: &Workbench) -> Option<Buried> {
        let _claim = self.claims.take(&candidate.digest);
        self.take_away(&candidate.digest, workbench, |entry| {
            entry.reader.strong_count() == 0 && entry.pulled == candidate.pulled
        })
    }

    /// Removes a file whose content is not what its name says. Blocks.
    pub(super) fn remove(&self, digest: &Digest, workbench: &Workbench) -> Option<Buried> {
        let _claim = self.claims.take(digest);
        self.take_away(digest, workbench, |_| true)
    }

    /// Removes a file that is still missing or of the wrong length.
    fn remove_unsound(&self, digest: &Digest, workbench: &Workbench) -> Option<Buried> {
        let _claim = self.claims.take(digest);
        let size = self.entries.get(digest)?.size;
        match open_sound(&self.file_path(digest), size) {
            Some(_) => None,
            None => self.take_away(digest, workbench, |_| true),
        }
    }

    /// Takes an entry away, and then its file. The caller holds a claim, so that
    /// a fill that follows cannot lose its file to this. An entry whose file
    /// stays where it is comes back.
    fn take_away(
        &self,
        digest: &Digest,
        workbench: &Workbench,
        doomed: impl FnOnce(&Entry) -> bool,
    ) -> Option<Buried> {
        let (digest, entry) = self.entries.remove_if(digest, |_, entry| doomed(entry))?;
        self.bytes.sub(entry.size);
        let buried = workbench.bury(&self.file_path(&digest)).ok();
        if buried.is_none() {
            self.bytes.add(entry.size);
            self.entries.insert(digest, entry);
        }
        buried
    }

    /// Writes the pull times that changed into the files. Blocks.
    pub(super) fn save_pulls(&self) {
        for (digest, pulled) in self.unsaved() {
            let saved = File::open(self.file_path(&digest))
                .and_then(|file| set_pulled(&file, pulled))
                .is_ok();
            if let (true, Some(mut entry)) = (saved, self.entries.get_mut(&digest)) {
                entry.saved = pulled;
            }
        }
    }

    fn unsaved(&self) -> Vec<(Digest, i64)> {
        let entries = self.entries.iter();
        entries
            .filter(|entry| entry.pulled != entry.saved)
            .map(|entry| (entry.key().clone(), entry.pulled))
            .collect()
    }
}
