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

use super::counters::Counter;
use super::digest_locks::DigestLocks;
use super::holder::{ContentUse, Holder};
use super::open::{open_resident, open_whole};
use super::temporary::{TemporaryFile, TemporaryFolder, UnlinkedFile, set_pulled};
use crate::file_access::open_own;
use crate::oci::Digest;
use crate::stream::{PieceBudget, SharedFile};

/// Pull times are rounded to this many seconds, so that a hot file is not written to at
/// each pull, and the members of one pull keep one time.
pub(super) const PULL_TIME_STEP_SECONDS: i64 = 60;

pub(super) struct FileStore {
    root: PathBuf,
    pieces: Arc<PieceBudget>,
    entries: DashMap<Digest, StoredFile>,
    locks: DigestLocks,
    bytes: Counter,
    damaged: Counter,
}

/// A stored file, as it is found without waiting for the disk.
pub(super) enum StoredLookup {
    Missing,
    /// Open, with its length in bytes.
    Open(Arc<SharedFile>, u64),
    /// To be opened with [`FileStore::open`].
    Closed,
}

pub(super) struct StoredFile {
    pub size: u64,
    /// When it was last pulled, in seconds of the Unix epoch.
    pub pulled: i64,
    /// For whom it is kept.
    pub holder: Option<Holder>,
    /// The pull time and the holder that the file itself bears.
    saved: (i64, Option<Holder>),
    reader: Weak<SharedFile>,
    /// Whether its length is that of its content, and not only what the disk says.
    is_proven: bool,
}

impl StoredFile {
    /// What lay on the disk at the start, last pulled at that time for that holder.
    pub(super) fn found(size: u64, (pulled, holder): (i64, Option<Holder>)) -> Self {
        Self {
            size,
            pulled,
            holder: holder.clone(),
            saved: (pulled, holder),
            reader: Weak::new(),
            is_proven: false,
        }
    }
}

/// A file that may be evicted.
pub(super) struct Candidate {
    pub pulled: i64,
    pub holder: Option<Holder>,
    pub digest: Digest,
    pub size: u64,
}

impl FileStore {
    /// At `root`; what several read at once is kept in memory within `pieces`.
    pub(super) fn new(root: PathBuf, pieces: Arc<PieceBudget>) -> Self {
        Self {
            root,
            pieces,
            entries: DashMap::new(),
            locks: DigestLocks::default(),
            bytes: Counter::default(),
            damaged: Counter::default(),
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

    /// Files that the disk had damaged, and that were removed.
    pub(super) fn damaged(&self) -> u64 {
        self.damaged.get()
    }

    /// Adds a file that exists on disk.
    pub(super) fn insert(&self, digest: Digest, entry: StoredFile) {
        self.bytes.add(entry.size);
        if let Some(replaced) = self.entries.insert(digest, entry) {
            self.bytes.sub(replaced.size);
        }
    }

    /// Makes a verified file visible. Blocks.
    pub(super) fn store(
        &self,
        temporary: TemporaryFile,
        digest: &Digest,
        used: &ContentUse,
    ) -> io::Result<()> {
        let size = temporary.file().metadata()?.len();
        let reader = Arc::downgrade(temporary.file());
        let _claim = self.locks.take(digest);
        temporary.persist(&self.file_path(digest), used)?;
        let held = (used.now.as_second(), Some(used.holder.clone()));
        let entry = StoredFile {
            reader,
            is_proven: true,
            ..StoredFile::found(size, held)
        };
        self.insert(digest.clone(), entry);
        Ok(())
    }

    /// Finds a file for a reader, and notes the pull. Opens it only if the kernel
    /// holds its path in memory.
    pub(super) fn find(&self, digest: &Digest, used: &ContentUse) -> StoredLookup {
        let Some((size, reader)) = self.pull(digest, used) else {
            return StoredLookup::Missing;
        };
        if let Some(file) = reader {
            return StoredLookup::Open(file, size);
        }
        match open_resident(&self.file_path(digest), size) {
            Some(file) => StoredLookup::Open(self.share_reader(digest, file), size),
            None => StoredLookup::Closed,
        }
    }

    /// Opens a file for a reader, with its size. A file that is missing or has the wrong
    /// length is a miss and is removed from the index. Blocks.
    pub(super) fn open(
        &self,
        digest: &Digest,
        used: &ContentUse,
        temporary_folder: &TemporaryFolder,
    ) -> Option<(Arc<SharedFile>, u64)> {
        let (size, reader) = self.pull(digest, used)?;
        if let Some(file) = reader {
            return Some((file, size));
        }
        let file = open_whole(&self.file_path(digest), size);
        if file.is_none() {
            let _unlinked = self.remove_damaged(digest, temporary_folder);
        }
        Some((self.share_reader(digest, file?), size))
    }

    /// The size of a stored file, in bytes.
    pub(super) fn size(&self, digest: &Digest) -> Option<u64> {
        Some(self.entries.get(digest)?.size)
    }

    /// The size of a stored file whose content is known to be of that length, in bytes.
    pub(super) fn proven_size(&self, digest: &Digest) -> Option<u64> {
        let entry = self.entries.get(digest)?;
        entry.is_proven.then_some(entry.size)
    }

    /// Notes that a file was read and is right.
    pub(super) fn prove(&self, digest: &Digest) {
        if let Some(mut entry) = self.entries.get_mut(digest) {
            entry.is_proven = true;
        }
    }

    /// Opens a file to be copied, which is no pull. It is not evicted meanwhile. Blocks.
    pub(super) fn open_to_copy(&self, digest: &Digest) -> Option<(Arc<SharedFile>, u64)> {
        let (size, reader) = {
            let entry = self.entries.get(digest)?;
            (entry.size, entry.reader.upgrade())
        };
        if let Some(file) = reader {
            return Some((file, size));
        }
        let file = open_whole(&self.file_path(digest), size)?;
        Some((self.share_reader(digest, file), size))
    }

    /// Notes a pull of what is read elsewhere.
    pub(super) fn note_pull(&self, digest: &Digest, used: &ContentUse) {
        let _reader = self.pull(digest, used);
    }

    fn pull(&self, digest: &Digest, used: &ContentUse) -> Option<(u64, Option<Arc<SharedFile>>)> {
        let mut entry = self.entries.get_mut(digest)?;
        let pulled = used.now.as_second();
        if used.holder.takes_over(entry.holder.as_ref()) {
            entry.holder = Some(used.holder.clone());
        }
        if pulled >= entry.pulled.saturating_add(PULL_TIME_STEP_SECONDS) {
            entry.pulled = pulled;
        }
        Some((entry.size, entry.reader.upgrade()))
    }

    /// Lets readers share one handle: returns the one that is open already, else `file`.
    fn share_reader(&self, digest: &Digest, file: File) -> Arc<SharedFile> {
        let file = SharedFile::within(&self.pieces, file);
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

    /// What may be evicted, in no order.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let entries = self.entries.iter();
        let candidates = entries.map(|entry| Candidate {
            pulled: entry.pulled,
            holder: entry.holder.clone(),
            digest: entry.key().clone(),
            size: entry.size,
        });
        candidates.collect()
    }

    /// Removes a file unless it is being read or was pulled meanwhile. Blocks.
    pub(super) fn evict(
        &self,
        candidate: &Candidate,
        temporary_folder: &TemporaryFolder,
    ) -> Option<UnlinkedFile> {
        let _claim = self.locks.take(&candidate.digest);
        self.remove_entry(&candidate.digest, temporary_folder, |entry| {
            entry.reader.strong_count() == 0 && entry.pulled == candidate.pulled
        })
    }

    /// Removes a file whose content is not what its name says. Blocks.
    pub(super) fn remove(
        &self,
        digest: &Digest,
        temporary_folder: &TemporaryFolder,
    ) -> Option<UnlinkedFile> {
        let _claim = self.locks.take(digest);
        let unlinked = self.remove_entry(digest, temporary_folder, |_| true);
        self.note_damage(digest, unlinked)
    }

    /// The same of one that lay there at the start, and no fill has replaced since. Blocks.
    pub(super) fn remove_unproven(
        &self,
        digest: &Digest,
        temporary_folder: &TemporaryFolder,
    ) -> Option<UnlinkedFile> {
        let _claim = self.locks.take(digest);
        let unlinked = self.remove_entry(digest, temporary_folder, |entry| !entry.is_proven);
        self.note_damage(digest, unlinked)
    }

    /// Removes a file that is still missing or of the wrong length.
    fn remove_damaged(
        &self,
        digest: &Digest,
        temporary_folder: &TemporaryFolder,
    ) -> Option<UnlinkedFile> {
        let _claim = self.locks.take(digest);
        let size = self.entries.get(digest)?.size;
        let path = self.file_path(digest);
        if open_whole(&path, size).is_some() {
            return None;
        }
        let is_there = path.symlink_metadata().is_ok();
        let unlinked = self.remove_entry(digest, temporary_folder, |_| true);
        match is_there {
            true => self.note_damage(digest, unlinked),
            // Somebody removed it: the disk has damaged nothing.
            false => unlinked,
        }
    }

    fn note_damage(&self, digest: &Digest, unlinked: Option<UnlinkedFile>) -> Option<UnlinkedFile> {
        if unlinked.is_some() {
            self.damaged.add(1);
            tracing::warn!(
                content.digest = %digest,
                "a stored file was damaged on the disk, and is removed; it is fetched again when it is asked for"
            );
        }
        unlinked
    }

    /// Removes an entry, and then its file. The caller holds the digest's lock, so that a
    /// fill that follows cannot lose its file. If the file cannot be removed, the entry
    /// is added again.
    fn remove_entry(
        &self,
        digest: &Digest,
        temporary_folder: &TemporaryFolder,
        is_removed: impl FnOnce(&StoredFile) -> bool,
    ) -> Option<UnlinkedFile> {
        let (digest, entry) = self
            .entries
            .remove_if(digest, |_, entry| is_removed(entry))?;
        self.bytes.sub(entry.size);
        let unlinked = temporary_folder.unlink(&self.file_path(&digest)).ok();
        if unlinked.is_none() {
            self.bytes.add(entry.size);
            self.entries.insert(digest, entry);
        }
        unlinked
    }

    /// Writes pull times and holders that changed into the files. Blocks.
    pub(super) fn save_pulls(&self) {
        for (digest, pulled, holder) in self.unsaved() {
            let saved = open_own(&self.file_path(&digest)).and_then(|file| {
                holder.iter().for_each(|holder| holder.save(&file));
                set_pulled(&file, pulled)
            });
            if let (Ok(()), Some(mut entry)) = (saved, self.entries.get_mut(&digest)) {
                entry.saved = (pulled, holder);
            }
        }
    }

    fn unsaved(&self) -> Vec<(Digest, i64, Option<Holder>)> {
        let entries = self.entries.iter();
        let changed = entries
            .filter(|entry| entry.pulled != entry.saved.0 || entry.holder != entry.saved.1)
            .map(|entry| (entry.key().clone(), entry.pulled, entry.holder.clone()));
        changed.collect()
    }
}
