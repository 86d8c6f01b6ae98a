//! What the log knows of the ledger: read at the start, to see that no older ledger was
//! put in the place of the newest.

use std::io;
use std::path::Path;

use serde::Deserialize;

use super::AuditError;
use super::files::{rotated, tail};
use crate::trust::LedgerMark;

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
    for rotated in rotated(path)
        .map_err(unread(path))?
        .iter()
        .take(MAX_ROTATED)
    {
        if let Some(mark) = mark_in(rotated).map_err(unread(rotated))? {
            return Ok(Some(mark));
        }
    }
    Ok(None)
}

/// Of the last lines of a regular file. Lines of concurrent batches may lie in another
/// order than what they tell of, so all of one ledger count.
fn mark_in(path: &Path) -> io::Result<Option<LedgerMark>> {
    let text = tail(path)?;
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
