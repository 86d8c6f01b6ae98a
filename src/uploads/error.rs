//! Why a body was not taken.

use std::io;
use std::path::PathBuf;

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
    #[error("bodies that are being sent take all the room that there is for them now")]
    NoRoom,
    #[error(
        "the disk of {} has {free} MiB left, and bodies leave the last {kept} free",
        folder.display()
    )]
    DiskFull {
        folder: PathBuf,
        free: u64,
        kept: u64,
    },
    #[error("the body could not be kept: {0}")]
    Storage(#[from] io::Error),
}
