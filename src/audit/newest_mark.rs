//! What the log knows of the ledger: read at the start, to see that no older ledger was
//! put in the place of the newest.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

use super::AuditError;
use crate::trust::LedgerMark;

/// What is read of the end of a file, in bytes: many lines, and at least one whole.
const TAIL_BYTES: u64 = 1 << 20;
/// Rotated files that are read where the current one says nothing, at most.
const MAX_ROTATED: usize = 5;

#[derive(Deserialize)]
struct MarkedLine {
    ledger: Option<LedgerMark>,
}

/// The ledger that the log at `path` was last written for, and the newest change of it that
/// the log knows: from the file, or else from the newest ones that it was rotated to, in the
/// same folder and under a name that begins as its own. `None`: nothing is known.
///
/// # Errors
/// A file is there, and cannot be read.
pub fn newest_mark(path: &Path) -> Result<Option<LedgerMark>, AuditError> {
    let unread = |path: &Path| {
        let path = path.to_owned();
        move |source| AuditError::Open { path, source }
    };
    if let Some(mark) = mark_in(path).map_err(unread(path))? {
        return Ok(Some(mark));
    }
    let rotated = rotated(path).map_err(unread(path))?;
    for rotated in rotated.into_iter().take(MAX_ROTATED) {
        if let Some(mark) = mark_in(&rotated).map_err(unread(&rotated))? {
            return Ok(Some(mark));
        }
    }
    Ok(None)
}

/// Of the last lines of a regular file. Lines of concurrent batches may lie in another
/// order than what they tell of, so all of one ledger count.
fn mark_in(path: &Path) -> io::Result<Option<LedgerMark>> {
    let text = match tail(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let lines = text.split(|byte| *byte == b'\n').rev();
    let marks = lines.filter_map(|line| {
        let line: Result<MarkedLine, _> = serde_json::from_slice(line);
        line.ok()?.ledger
    });
    let newest = marks.reduce(|newest, mark| match mark.id == newest.id {
        true if mark.change > newest.change => mark,
        _ => newest,
    });
    Ok(newest)
}

fn tail(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Ok(Vec::new());
    }
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail)?;
    Ok(tail)
}

/// The files that the log at `path` was rotated to, the newest first. In compressed ones no
/// mark is looked for.
pub(super) fn rotated(path: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(Vec::new());
    };
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let name = name.to_string_lossy().into_owned();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in entries {
        let entry = entry?;
        let other = entry.file_name().to_string_lossy().into_owned();
        if other != name && other.starts_with(&name) {
            let modified = entry.metadata().and_then(|it| it.modified());
            found.push((modified.unwrap_or(SystemTime::UNIX_EPOCH), entry.path()));
        }
    }
    found.sort();
    Ok(found.into_iter().rev().map(|(_, path)| path).collect())
}
