//! Why manifests cannot be read.

use thiserror::Error;

/// What was wrong, and with which file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ManifestError {
    #[error("{file}: {why}")]
    Unreadable { file: String, why: String },
    #[error("{file}: over {limit} bytes of manifests in all")]
    TooLarge { file: String, limit: usize },
    #[error("{file}: over {limit} documents in all")]
    TooManyDocuments { file: String, limit: usize },
    #[error("{file}: over {limit} images in all")]
    TooManyImages { file: String, limit: usize },
}
