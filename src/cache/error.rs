//! What can go wrong with stored and fetched bytes.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::remote::RemoteError;
use crate::oci::Digest;

/// The cause of a failure, shared by all who waited for the same fill.
pub type SharedError = Arc<dyn Error + Send + Sync>;

/// Why a cache did not open.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error("another process holds the cache at {0}")]
    Locked(PathBuf),
    #[error("cannot use the cache at {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

/// Why there are no bytes for a digest.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FetchError {
    /// The error of `open` or of its stream; see [`FetchError::upstream`].
    #[error("the upstream did not deliver the content: {0}")]
    Upstream(SharedError),
    #[error("the upstream sent nothing for {0} seconds")]
    Stalled(u64),
    #[error("the content was announced with {expected} bytes, but has {actual} or more")]
    TooLong { expected: u64, actual: u64 },
    #[error("the content was announced with {expected} bytes, but has only {actual}")]
    TooShort { expected: u64, actual: u64 },
    #[error("the content is not {expected}, but {actual}")]
    WrongDigest { expected: Digest, actual: Digest },
    #[error("the digests of the content could not be recorded: {0}")]
    Unrecorded(SharedError),
    #[error("the cache could not write: {0}")]
    Storage(Arc<io::Error>),
    /// The stream of the remote tier broke off, and nothing could go on from there.
    #[error("{0}")]
    Remote(#[from] RemoteError),
    /// Bytes of the remote tier were sent, and were found to be wrong before the last of
    /// them was; the next request gets them from the upstream.
    #[error("the remote tier held other bytes than {0}")]
    WrongRemote(Digest),
    #[error("the fill was interrupted")]
    Interrupted,
}

impl FetchError {
    /// The upstream's error, if it has type `E`: that of the first caller's
    /// `open`, whose fill everyone followed.
    pub fn upstream<E: Error + 'static>(&self) -> Option<&E> {
        match self {
            Self::Upstream(fault) => fault.downcast_ref(),
            _ => None,
        }
    }
}

impl From<io::Error> for FetchError {
    fn from(error: io::Error) -> Self {
        Self::Storage(Arc::new(error))
    }
}
