//! Rotation: a file that has grown large is put aside, read-only, under the name of its last
//! line, and what has been there for long is removed.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::chain::ChainEnd;
use super::files::{is_written, rotated};

/// Characters of a log's name, and of a line's number, in the name of a file.
const LOG_DIGITS: usize = 16;
const LINE_DIGITS: usize = 12;

/// When a file is put aside, and for how long it stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditRotation {
    /// Bytes from which on a file is put aside; `None`: never.
    pub max_size: Option<u64>,
    /// How long it stays after its last line; `None`: for good.
    pub retention: Option<Duration>,
}

/// Whether that is a name which [`put_aside`] gives, also of what was compressed since: others
/// are not its own, though they begin alike.
fn is_put_aside(file: &Path, path: &Path) -> bool {
    let names = file.file_name().zip(path.file_name());
    let end = names.and_then(|(file, log)| {
        let end = file.to_str()?.strip_prefix(log.to_str()?)?;
        let end = end.strip_suffix(".gz").unwrap_or(end);
        end.strip_prefix('.')?.split_once('-')
    });
    end.is_some_and(|(log, line)| {
        let is_log = log.len() == LOG_DIGITS && log.bytes().all(|it| it.is_ascii_hexdigit());
        is_log && line.len() >= LINE_DIGITS && line.bytes().all(|it| it.is_ascii_digit())
    })
}

/// Puts the file at `path`, which is no link, aside, and returns where it lies now. Nothing is
/// ever replaced.
pub(super) fn put_aside(path: &Path, end: &ChainEnd) -> io::Result<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}-{:0LINE_DIGITS$}", end.log, end.line));
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
        let is_own = file != newest && is_put_aside(&file, path);
        let is_old = is_own && age.is_ok_and(|age| age > retention);
        // Another log may have a name that begins as this one's.
        if is_old && !is_written(&file)? {
            fs::remove_file(&file)?;
            tracing::info!(file = %file.display(), "an old audit log was removed");
        }
    }
    Ok(())
}
