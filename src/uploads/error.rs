//! Why a body was not taken.

use std::io;

/// Why there is no upload.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("the body is over {0} bytes")]
    TooLong(usize),
    #[error("too many uploads at once with one token")]
    TooMany,
    #[error("the body stopped coming, or comes too slowly")]
    Stalled,
    #[error("the body broke off")]
    BrokenOff,
    #[error("there is no room for the body now")]
    NoRoom,
    #[error("the body could not be kept: {0}")]
    Storage(#[from] io::Error),
}
