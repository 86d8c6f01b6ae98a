//! Options of uploads.

use std::path::PathBuf;
use std::time::Duration;

/// Bounds of uploads. Sizes are in bytes.
#[derive(Clone, Debug)]
pub struct UploadConfig {
    /// Where bodies lie while they come: a folder of this process alone, emptied
    /// at the start.
    pub folder: PathBuf,
    /// Uploads that one sender has at once.
    pub at_once: usize,
    /// Uploads of one sender that wait beside those, and how long.
    pub waiting: usize,
    pub patience: Duration,
    /// What all bodies take on the disk together.
    pub disk: u64,
    /// What the file system keeps free; the trust records may lie there.
    pub min_free: u64,
    /// What is no longer than this stays in memory.
    pub short: usize,
    /// The text of longer bodies that is in memory at the same time.
    pub memory: usize,
    /// A body of which nothing comes for so long is given up.
    pub idle: Duration,
    /// After `grace`, one that came with fewer bytes a second is given up, too.
    pub grace: Duration,
    pub rate: u64,
}

impl UploadConfig {
    /// The defaults, for bodies that lie in `folder`.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            at_once: 4,
            waiting: 12,
            patience: Duration::from_secs(30),
            disk: 4 << 30,
            min_free: 256 << 20,
            short: 1 << 20,
            memory: 256 << 20,
            idle: Duration::from_secs(10),
            grace: Duration::from_secs(10),
            rate: 16 << 10,
        }
    }
}
