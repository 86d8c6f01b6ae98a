//! Room on a disk.

use std::path::Path;

/// Free on the file system that holds `path`.
pub(super) fn free_bytes(path: &Path) -> Option<u64> {
    let room = rustix::fs::statvfs(path).ok()?;
    room.f_bavail.checked_mul(room.f_frsize)
}
