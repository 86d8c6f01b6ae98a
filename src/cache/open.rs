//! Opening a stored file, which ends whatever lies in its place.

use std::fs::File;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

use crate::file_access::open_own;

/// Opens a file if the kernel has its path in memory, so that opening does not wait for
/// the disk. `None`: it does not, the kernel is older than 5.12, or the file is missing
/// or not of `size` bytes; [`open_whole`] tells these apart.
pub(super) fn open_resident(path: &Path, size: u64) -> Option<File> {
    // NONBLOCK matters only for what is no regular file.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let opened = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED);
    if_whole(File::from(opened.ok()?), size)
}

/// Opens a file of `size` bytes. Blocks.
pub(super) fn open_whole(path: &Path, size: u64) -> Option<File> {
    if_whole(open_own(path).ok()?, size)
}

fn if_whole(file: File, size: u64) -> Option<File> {
    let metadata = file.metadata().ok()?;
    (metadata.is_file() && metadata.len() == size).then_some(file)
}
