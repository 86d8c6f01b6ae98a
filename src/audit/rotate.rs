//! Rotation: a file that has grown large is put aside, read-only, under the name of its last
//! line, and what has been there for long is removed.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::chain::ChainEnd;
use super::files::{is_written, rotated};

/// When a file is put aside, and for how long it stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditRotation {
    /// Bytes from which on a file is put aside; `None`: never.
    pub max_size: Option<u64>,
    /// How long it stays after its last line; `None`: for good.
    pub retention: Option<Duration>,
}

/// Puts the file aside, and returns where it lies now. Nothing is ever replaced.
pub(super) fn put_aside(path: &Path, end: &ChainEnd) -> io::Result<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}-{:012}", end.log, end.line));
    let aside = PathBuf::from(name);
    let (from, to) = (path, aside.as_path());
    let here = rustix::fs::CWD;
    rustix::fs::renameat_with(here, from, here, to, rustix::fs::RenameFlags::NOREPLACE)?;
    let mode = fs::metadata(&aside)?.permissions().mode();
    fs::set_permissions(&aside, Permissions::from_mode(mode & 0o7555))?;
    Ok(aside)
}

/// Removes what was put aside so long before the newest file that it need not be kept.
pub(super) fn remove_old(path: &Path, newest: &Path, retention: Duration) -> io::Result<()> {
    let now = fs::metadata(newest)?.modified()?;
    for file in rotated(path)? {
        let age = now.duration_since(fs::metadata(&file)?.modified()?);
        let is_old = file != newest && age.is_ok_and(|age| age > retention);
        // Another log may have a name that begins as this one's.
        if is_old && !is_written(&file)? {
            fs::remove_file(&file)?;
            tracing::info!(file = %file.display(), "an old audit log was removed");
        }
    }
    Ok(())
}
