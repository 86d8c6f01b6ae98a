//! Bodies on the disk, in files without a name.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::{UploadConfig, UploadError};

/// The folder, and what lies in it. Sizes are in bytes.
pub(super) struct UploadFolder {
    folder: PathBuf,
    most: u64,
    min_free: u64,
    taken: AtomicU64,
    next: AtomicU64,
}

/// A body on the disk; gone when dropped.
pub(super) struct UploadFile {
    disk: Arc<UploadFolder>,
    file: File,
    len: u64,
}

impl UploadFolder {
    /// Opens the folder, and removes what an earlier process left there. Blocks.
    pub(super) fn open(config: &UploadConfig) -> io::Result<Arc<Self>> {
        let folder = config.folder.clone();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)?;
        empty(&folder)?;
        Ok(Arc::new(Self {
            folder,
            most: config.disk,
            min_free: config.min_free,
            taken: AtomicU64::new(0),
            next: AtomicU64::new(0),
        }))
    }

    /// A new file without a name. Blocks.
    pub(super) fn create(self: &Arc<Self>) -> io::Result<UploadFile> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(number.to_string());
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(&path)?;
        fs::remove_file(path)?;
        Ok(UploadFile {
            disk: self.clone(),
            file,
            len: 0,
        })
    }

    #[cfg(test)]
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Sets `more` bytes aside.
    fn take(&self, more: u64) -> Result<(), UploadError> {
        let status = rustix::fs::statvfs(&self.folder).map_err(io::Error::from)?;
        let free = status.f_bavail.saturating_mul(status.f_frsize);
        let taken = self.taken.fetch_add(more, Ordering::Relaxed) + more;
        let is_full = free < self.min_free.saturating_add(more);
        if taken <= self.most && !is_full {
            return Ok(());
        }
        self.taken.fetch_sub(more, Ordering::Relaxed);
        match is_full {
            true => Err(UploadError::DiskFull {
                folder: self.folder.clone(),
                free: free >> 20,
                kept: self.min_free >> 20,
            }),
            false => Err(UploadError::NoRoom),
        }
    }
}

/// Removes files with names as [`UploadFolder::create`] gives them. The folder stays, which a
/// disk may be mounted on, and so does what else lies there, such as that disk's `lost+found`.
fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_ours = name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
        if is_ours && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

impl UploadFile {
    /// Appends `pieces`, and gives the file back. Blocks.
    pub(super) fn append(mut self, pieces: &[Bytes]) -> Result<Self, UploadError> {
        let more = pieces.iter().map(|piece| piece.len() as u64).sum();
        self.disk.take(more)?;
        let mut at = self.len;
        // Also what a failed write set aside is given back with the file.
        self.len += more;
        for piece in pieces {
            self.file.write_all_at(piece, at)?;
            at += piece.len() as u64;
        }
        Ok(self)
    }

    /// Length in bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// All of it. Blocks.
    pub(super) fn read(&self) -> io::Result<Vec<u8>> {
        let len = usize::try_from(self.len).map_err(io::Error::other)?;
        let mut bytes = vec![0; len];
        self.file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }
}

impl Drop for UploadFile {
    fn drop(&mut self) {
        self.disk.taken.fetch_sub(self.len, Ordering::Relaxed);
    }
}
