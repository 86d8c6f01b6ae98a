//! The files of a log: the one that is written, and those that it was rotated to.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use flate2::read::MultiGzDecoder;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::file_access::{behind_links, folder_of, open_regular, open_without_waiting};

/// What is read of the end of a file, in bytes: many lines, and at least one whole.
const TAIL_BYTES: u64 = 1 << 20;
/// What a file begins with that gzip made (RFC 1952, 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The end of a regular file; nothing of what is none, or not there.
pub(super) fn tail(path: &Path) -> io::Result<Vec<u8>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Ok(metadata) if !metadata.is_file() => return Ok(Vec::new()),
        metadata => metadata?,
    };
    tail_of(&open_regular(path)?)
}

/// The end of a regular file.
pub(super) fn tail_of(mut file: &File) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail)?;
    Ok(tail)
}

/// The lines of an open file of a log, also of one that gzip compressed.
pub(super) fn lines_of(file: File) -> io::Result<Box<dyn BufRead>> {
    let mut file = BufReader::with_capacity(1 << 16, file);
    Ok(match file.fill_buf()?.starts_with(&GZIP) {
        true => Box::new(BufReader::new(MultiGzDecoder::new(file))),
        false => Box::new(file),
    })
}

/// The files that the log at `path` was rotated to, by this program or another: in the
/// folder of the file that links lead to, under a name that begins as its own; the newest
/// first.
pub(super) fn rotated(path: &Path) -> io::Result<Vec<PathBuf>> {
    let path = behind_links(path);
    let Some(name) = path.file_name() else {
        return Ok(Vec::new());
    };
    let name = name.to_string_lossy().into_owned();
    let entries = match fs::read_dir(folder_of(&path)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in entries {
        let entry = entry?;
        let other = entry.file_name().to_string_lossy().into_owned();
        if other != name && other.starts_with(&name) {
            // What a pipe or a folder of such a name holds is no log.
            if fs::metadata(entry.path()).is_ok_and(|it| !it.is_file()) {
                continue;
            }
            let modified = entry.metadata().and_then(|it| it.modified());
            found.push((modified.unwrap_or(SystemTime::UNIX_EPOCH), entry.path()));
        }
    }
    found.sort();
    Ok(found.into_iter().rev().map(|(_, path)| path).collect())
}

/// Whether a process writes it now.
pub(super) fn is_written(path: &Path) -> io::Result<bool> {
    let file = open_without_waiting(path)?;
    Ok(flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK))
}
