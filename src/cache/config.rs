//! Options of the cache.

use std::path::PathBuf;

/// Where the cache lies and how far it may grow. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// The folder of this process alone; made if it is missing.
    pub path: PathBuf,
    /// Bound of the stored bytes, blobs and manifests together.
    pub max_size: u64,
    /// What the file system must keep free; less than this and nothing more is
    /// stored.
    pub min_free: u64,
    /// Bound of the manifests and small blobs held in memory; and, apart, of the pieces of large
    /// blobs that several read at once.
    pub memory: u64,
}
