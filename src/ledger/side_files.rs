//! What lies beside a database: the files that SQLite keeps there, and the lock.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::LedgerError;

/// The files that SQLite keeps beside a database, by the end of their names.
pub(super) const SQLITE_SUFFIXES: [&str; 2] = ["-wal", "-shm"];
/// What a copy that broke off leaves beside itself, too.
const LEFT_SUFFIXES: [&str; 2] = ["-journal", ".lock"];

pub(super) fn with(path: &Path, end: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// Removes a database that nobody uses, with all that lies beside it.
pub(super) fn remove_all(path: &Path) -> Result<(), LedgerError> {
    let ends = SQLITE_SUFFIXES.iter().chain(&LEFT_SUFFIXES).chain(&[""]);
    for path in ends.map(|end| with(path, end)) {
        match fs::remove_file(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                return Err(LedgerError::file(&path)(source));
            }
            _ => {}
        }
    }
    Ok(())
}
