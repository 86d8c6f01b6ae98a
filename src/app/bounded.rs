//! Files whose paths people name, read so that it ends: whatever lies there.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{OFlags, fcntl_setfl};

use crate::file_access::open_without_waiting;

/// The longest configuration, certificate bundle, secret, token or file of exceptions
/// that is read, in bytes.
pub const LIMIT: u64 = 1 << 20;

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("is no regular file")]
    NotRegular,
    #[error("is over 1 MiB")]
    TooLong,
    #[error("is no text in UTF-8")]
    NotText,
}

impl From<Unread> for io::Error {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Io(error) => error,
            Unread::NotRegular | Unread::TooLong | Unread::NotText => Self::other(unread),
        }
    }
}

/// The text in a regular file of at most [`LIMIT`] bytes.
///
/// # Errors
/// Such a file is not there, or holds no UTF-8.
pub fn text(path: &Path) -> Result<String, Unread> {
    String::from_utf8(bytes(path)?).map_err(|_| Unread::NotText)
}

/// What a regular file of at most [`LIMIT`] bytes holds.
///
/// # Errors
/// Such a file is not there.
pub fn bytes(path: &Path) -> Result<Vec<u8>, Unread> {
    // Never waits: not every file that looks regular has an end, as `/proc/kmsg`.
    let file = open_without_waiting(path)?;
    if !file.metadata()?.is_file() {
        return Err(Unread::NotRegular);
    }
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes)?;
    within_limit(bytes.len())?;
    Ok(bytes)
}

/// Whether so many bytes are no more than a file may have.
///
/// # Errors
/// [`Unread::TooLong`] where they are more.
pub fn within_limit(length: usize) -> Result<(), Unread> {
    match length as u64 > LIMIT {
        true => Err(Unread::TooLong),
        false => Ok(()),
    }
}

/// Opens a file or a pipe to read from; a pipe without a writer is at its end. The reader
/// bounds the length.
///
/// # Errors
/// As of [`File::open`].
pub fn open(path: &Path) -> io::Result<File> {
    let file = open_without_waiting(path)?;
    fcntl_setfl(&file, OFlags::empty())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> String {
        text(path).unwrap_err().to_string()
    }

    #[test]
    fn refuses_what_has_no_end() {
        let scratch = tempfile::tempdir().unwrap();
        let pipe = scratch.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).unwrap();
        for path in [Path::new("/dev/zero"), Path::new("/dev/null"), &pipe] {
            assert_eq!(refusal(path), "is no regular file");
        }
        let mut nothing = Vec::new();
        open(&pipe).unwrap().read_to_end(&mut nothing).unwrap();
        assert_eq!(nothing, b"");
    }

    #[test]
    fn reads_what_is_not_too_long() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("file");
        let limit = usize::try_from(LIMIT).unwrap();
        std::fs::write(&file, "é".repeat(limit / 2)).unwrap();
        assert_eq!(text(&file).unwrap().len(), limit);
        std::fs::write(&file, "é".repeat(limit / 2 + 1)).unwrap();
        assert_eq!(refusal(&file), "is over 1 MiB");
        std::fs::write(&file, b"\xff").unwrap();
        assert_eq!(refusal(&file), "is no text in UTF-8");
        assert!(refusal(scratch.path()).starts_with("is no regular"));
    }
}
