//! Temporary files, invisible until they are renamed.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FallocateFlags, Timespec, Timestamps, fallocate, futimens};

use super::holder::ContentUse;
use crate::stream::SharedFile;

/// The folder of temporary files, on the same file system as the stored ones.
pub(super) struct TemporaryFolder {
    path: PathBuf,
    next: AtomicU64,
}

impl TemporaryFolder {
    /// Opens the folder and removes what an earlier process left half-made.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&path)?,
        }
        let next = AtomicU64::new(0);
        Ok(Self { path, next })
    }

    /// A new, empty file.
    pub(super) fn create(&self) -> io::Result<TemporaryFile> {
        let path = self.fresh();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o640);
        let file = SharedFile::new(options.open(&path)?);
        Ok(TemporaryFile { path, file })
    }

    /// Moves a stored file into this folder at once. It is deleted when the returned
    /// value is dropped, which takes long for a large file.
    pub(super) fn unlink(&self, visible: &Path) -> io::Result<UnlinkedFile> {
        let path = self.fresh();
        match fs::rename(visible, &path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(UnlinkedFile { path }),
        }
    }

    fn fresh(&self) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.path.join(number.to_string())
    }
}

fn set_aside(file: &File, size: u64) -> io::Result<()> {
    use rustix::io::Errno;
    if size == 0 {
        return Ok(());
    }
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, size) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
        done => Ok(done?),
    }
}

/// A file that vanishes unless it is persisted.
pub(super) struct TemporaryFile {
    path: PathBuf,
    file: Arc<SharedFile>,
}

impl TemporaryFile {
    pub(super) fn file(&self) -> &Arc<SharedFile> {
        &self.file
    }

    /// Sets the first `size` bytes aside, where the file system can do that: then the disk
    /// is full now, and not while they are written.
    pub(super) async fn set_aside(&self, size: u64) -> io::Result<()> {
        let file = self.file.clone();
        let done = tokio::task::spawn_blocking(move || set_aside(&file, size));
        done.await.map_err(io::Error::other).flatten()
    }

    /// Makes the file visible at `target`, whole or not at all, whatever
    /// happens to the process or the machine meanwhile.
    pub(super) fn persist(self, target: &Path, used: &ContentUse) -> io::Result<()> {
        used.holder.save(&self.file);
        set_pulled(&self.file, used.now.as_second())?;
        self.file.sync_all()?;
        let folder = target.parent().ok_or(io::ErrorKind::InvalidInput)?;
        fs::create_dir_all(folder)?;
        fs::rename(&self.path, target)?;
        File::open(folder)?.sync_all()
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// A file that is no longer visible; deleted when dropped.
pub(super) struct UnlinkedFile {
    path: PathBuf,
}

impl Drop for UnlinkedFile {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Deletes the file; one that cannot be deleted now is deleted at the next start.
fn remove(path: &Path) {
    let _absent = fs::remove_file(path);
}

/// Notes in the file itself when it was last pulled.
pub(super) fn set_pulled(file: &File, seconds: i64) -> io::Result<()> {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    Ok(futimens(file, &times)?)
}
