//! The cache as a whole: opened once, shared by cloning.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::cached_manifest::{self, Memory};
use super::config::Config;
use super::counters::{CacheStats, Counters};
use super::digests::OnFilled;
use super::error::CacheError;
use super::flights::Flights;
use super::scan::scan;
use super::shelf::Shelf;
use super::space::Space;
use super::temporary::Workbench;
use crate::tasks::Tasks;

/// How often pull times are saved and the bounds looked at. Fills make room
/// for themselves; this is for what others do to the disk.
const UPKEEP: Duration = Duration::from_secs(60);

/// The content-addressed store. Clones share it.
#[derive(Clone)]
pub struct Cache {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub path: PathBuf,
    pub blobs: Shelf,
    pub manifests: Shelf,
    pub workbench: Workbench,
    pub space: Space,
    /// One permit, held while room is made, so that two fills do not count on the
    /// same. Waited for without a thread.
    pub rooms: Arc<Semaphore>,
    pub flights: Flights,
    pub memory: Memory,
    pub tasks: Tasks,
    pub on_filled: OnFilled,
    pub counters: Counters,
    _lock: File,
}

impl Cache {
    /// Opens or makes the cache at `config.path`: takes its lock, removes what
    /// was left half-made, and finds again what is stored. Reads every folder,
    /// so it takes seconds for a million files; it belongs into the blocking pool.
    ///
    /// Must be called from within a tokio runtime: upkeep and fills run in
    /// `tasks`.
    pub fn open(config: Config, tasks: Tasks, on_filled: OnFilled) -> Result<Self, CacheError> {
        let _lock = lock(&config.path)?;
        let inner = Inner::open(&config, tasks, on_filled, _lock);
        let inner = inner.map_err(|source| unusable(&config.path, source))?;
        let cache = Self {
            inner: Arc::new(inner),
        };
        cache.keep_up();
        Ok(cache)
    }

    /// What was counted since the start.
    pub fn stats(&self) -> CacheStats {
        self.inner.counters.read(self.inner.stored())
    }

    fn keep_up(&self) {
        let inner = Arc::downgrade(&self.inner);
        self.inner.tasks.every("cache upkeep", UPKEEP, move |_| {
            let cache = inner.upgrade().map(|inner| Self { inner });
            async move {
                if let Some(cache) = cache {
                    cache.evict_once().await;
                    cache.save_pulls_once().await;
                }
            }
        });
    }
}

impl Inner {
    fn open(config: &Config, tasks: Tasks, on_filled: OnFilled, lock: File) -> io::Result<Self> {
        let inner = Self {
            blobs: Shelf::new(config.path.join("blobs")),
            manifests: Shelf::new(config.path.join("manifests")),
            workbench: Workbench::open(config.path.join("tmp"))?,
            space: Space::new(config),
            rooms: Arc::new(Semaphore::new(1)),
            flights: Flights::default(),
            memory: cached_manifest::memory(config.manifest_memory),
            path: config.path.clone(),
            tasks,
            on_filled,
            counters: Counters::default(),
            _lock: lock,
        };
        scan(&inner.blobs)?;
        scan(&inner.manifests)?;
        Ok(inner)
    }
}

/// Two processes would remove each other's files in the making.
fn lock(folder: &Path) -> Result<File, CacheError> {
    let file = std::fs::create_dir_all(folder)
        .and_then(|()| File::create(folder.join("lock")))
        .map_err(|source| unusable(folder, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CacheError::Locked(folder.to_owned())),
        Err(TryLockError::Error(source)) => Err(unusable(folder, source)),
    }
}

fn unusable(path: &Path, source: io::Error) -> CacheError {
    CacheError::Io {
        path: path.to_owned(),
        source,
    }
}
