//! Files in the making: nobody sees them before the rename.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FallocateFlags, Timespec, Timestamps, fallocate, futimens};

/// The folder of files in the making, on the same file system as the rest.
pub(super) struct Workbench {
    path: PathBuf,
    next: AtomicU64,
}

impl Workbench {
    /// Opens the folder and removes what an earlier process left half-made.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&path)?,
        }
        let next = AtomicU64::new(0);
        Ok(Self { path, next })
    }

    /// A new file with `size` bytes of the disk set aside, where the file
    /// system can do that: then the disk is full now or not at all.
    pub(super) fn create(&self, size: u64) -> io::Result<Temporary> {
        let path = self.fresh();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o640);
        let file = Arc::new(options.open(&path)?);
        let temporary = Temporary { path, file };
        set_aside(&temporary.file, size)?;
        Ok(temporary)
    }

    /// Takes a visible file out of sight at once. Removing it, which takes
    /// long for a large one, is left to the drop of what is returned.
    pub(super) fn bury(&self, visible: &Path) -> io::Result<Buried> {
        let path = self.fresh();
        match fs::rename(visible, &path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(Buried { path }),
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
pub(super) struct Temporary {
    path: PathBuf,
    file: Arc<File>,
}

impl Temporary {
    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Makes the file visible at `target`, whole or not at all, whatever
    /// happens to the process or the machine meanwhile.
    pub(super) fn persist(self, target: &Path, pulled: i64) -> io::Result<()> {
        set_pulled(&self.file, pulled)?;
        self.file.sync_all()?;
        let folder = target.parent().ok_or(io::ErrorKind::InvalidInput)?;
        fs::create_dir_all(folder)?;
        fs::rename(&self.path, target)?;
        File::open(folder)?.sync_all()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// A file out of sight, removed when dropped.
pub(super) struct Buried {
    path: PathBuf,
}

impl Drop for Buried {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// What cannot be removed now is removed at the next start.
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
