//! Files that are read whole, up to a limit.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// The longest certificate bundle, secret, or file of exceptions that is read, in
/// bytes.
const LIMIT: u64 = 1 << 20;

/// Why a file could not be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("is over 1 MiB")]
    TooLong,
}

/// What a file holds.
pub(super) fn read(path: &Path) -> Result<String, Unread> {
    let mut text = String::new();
    let file = fs::File::open(path)?;
    let length = file.take(LIMIT + 1).read_to_string(&mut text);
    match length {
        Ok(length) if length as u64 > LIMIT => Err(Unread::TooLong),
        Ok(_) => Ok(text),
        // Cut within a character.
        Err(_) if fs::metadata(path).is_ok_and(|found| found.len() > LIMIT) => Err(Unread::TooLong),
        Err(error) => Err(error.into()),
    }
}
