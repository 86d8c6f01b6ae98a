//! The files of one kind, blobs or manifests, and the index of them in memory.
//!
//! A reader holds an `Arc` of the open file; the index remembers it weakly. So
//! readers share one handle, and what is being read is known without counting.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use dashmap::DashMap;

use super::counters::Counter;
use super::temporary::{Buried, Temporary, Workbench, set_pulled};
use crate::oci::Digest;

/// Pull times are exact to this many seconds, so that a hot file is not
/// written to, and the members of one pull keep one time and age together.
const COARSE: i64 = 60;

pub(super) struct Shelf {
    root: PathBuf,
    entries: DashMap<Digest, Entry>,
    bytes: Counter,
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

    /// Makes a verified file visible.
    pub(super) fn shelve(
        &self,
        temporary: Temporary,
        digest: &Digest,
        pulled: i64,
    ) -> io::Result<()> {
        let size = temporary.file().metadata()?.len();
        let reader = Arc::downgrade(temporary.file());
        temporary.persist(&self.file_path(digest), pulled)?;
        self.insert(digest.clone(), size, pulled, reader);
        Ok(())
    }

    /// Opens a file for a reader, with its size. A file that is missing or of
    /// the wrong length is a miss, and leaves the shelf.
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

    /// Removes a file unless it is being read or was pulled after all.
    pub(super) fn evict(&self, candidate: &Candidate, workbench: &Workbench) -> Option<Buried> {
        self.remove_if(&candidate.digest, workbench, |entry, _| {
            entry.reader.strong_count() == 0 && entry.pulled == candidate.pulled
        })
    }

    /// Removes a file whose content is not what its name says.
    pub(super) fn remove(&self, digest: &Digest, workbench: &Workbench) -> Option<Buried> {
        self.remove_if(digest, workbench, |_, _| true)
    }

    fn remove_unsound(&self, digest: &Digest, workbench: &Workbench) -> Option<Buried> {
        self.remove_if(digest, workbench, |entry, path| {
            open_sound(path, entry.size).is_none()
        })
    }

    /// Takes entry and file away together: nobody sees one without the other,
    /// and a fill that follows cannot lose its file to this.
    fn remove_if(
        &self,
        digest: &Digest,
        workbench: &Workbench,
        doomed: impl FnOnce(&Entry, &Path) -> bool,
    ) -> Option<Buried> {
        let path = self.file_path(digest);
        let mut buried = None;
        let removed = self.entries.remove_if(digest, |_, entry| {
            if doomed(entry, &path) {
                buried = workbench.bury(&path).ok();
            }
            buried.is_some()
        });
        if let Some((_, entry)) = removed {
            self.bytes.sub(entry.size);
        }
        buried
    }

    /// Writes the pull times that changed into the files.
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

fn open_sound(path: &Path, size: u64) -> Option<File> {
    let file = File::open(path).ok()?;
    let metadata = file.metadata().ok()?;
    (metadata.is_file() && metadata.len() == size).then_some(file)
}
