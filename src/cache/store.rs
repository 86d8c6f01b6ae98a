//! The cache as a whole: opened once, shared by cloning.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::config::CacheOptions;
use super::content_memory::ContentMemory;
use super::counters::{CacheCounters, CacheStats};
use super::digests::DigestRecords;
use super::error::{CacheError, FetchError};
use super::file_store::FileStore;
use super::fills::Fills;
use super::recheck_walk::RecheckWalk;
use super::remote::RemoteTier;
use super::space::Space;
use super::startup_scan::scan;
use super::temporary::TemporaryFolder;
use super::write_fault::WriteFault;
use crate::flight::SingleFlight;
use crate::oci::Digest;
use crate::stream::PieceBudget;
use crate::tasks::Tasks;

/// How often pull times are saved and the bounds looked at. Fills make room
/// for themselves; this is for what others do to the disk.
const MAINTENANCE_PERIOD: Duration = Duration::from_secs(60);

/// How often some of the large files are read again.
const RECHECK_PERIOD: Duration = Duration::from_secs(1);

/// The content-addressed store. Clones share it.
#[derive(Clone)]
pub struct Cache {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub path: PathBuf,
    pub blobs: FileStore,
    pub manifests: FileStore,
    pub temporary: TemporaryFolder,
    pub space: Space,
    /// One permit, held while room is made, so that two fills do not count on the
    /// same. Waited for without a thread.
    pub room_lock: Arc<Semaphore>,
    pub fills: Fills,
    pub memory: ContentMemory,
    /// Of large blobs, what several read at once.
    pub pieces: Arc<PieceBudget>,
    /// The tier behind the disk, which replicas share.
    pub remote: Option<Arc<RemoteTier>>,
    pub tasks: Tasks,
    pub records: DigestRecords,
    /// Stored files that are hashed under their other algorithm now.
    pub learning: SingleFlight<Digest, Result<(), FetchError>>,
    /// Those that are held against their own digest now.
    pub proofs: SingleFlight<Digest, Result<bool, FetchError>>,
    pub counters: CacheCounters,
    pub write_fault: WriteFault,
    /// Held by the one thread that takes a step.
    pub walk: Mutex<RecheckWalk>,
    _lock: File,
}

impl Cache {
    /// Opens or makes the cache at `config.path`: takes its lock, removes what
    /// was left half-made, and finds again what is stored. Reads every folder,
    /// so it takes seconds for a million files; it belongs into the blocking pool.
    ///
    /// Must be called from within a tokio runtime: upkeep, fills and uploads to the
    /// `remote` tier run in `tasks`.
    ///
    /// # Errors
    /// [`CacheError`] where the folder cannot be used, or another process has its lock.
    pub fn open(
        config: CacheOptions,
        remote: Option<Arc<RemoteTier>>,
        tasks: Tasks,
        records: DigestRecords,
    ) -> Result<Self, CacheError> {
        let _lock = lock(&config.path)?;
        let inner = Inner::open(&config, (remote, tasks), records, _lock);
        let inner = inner.map_err(|source| unusable(&config.path, source))?;
        let cache = Self {
            inner: Arc::new(inner),
        };
        cache.spawn_maintenance();
        cache.spawn_uploads();
        Ok(cache)
    }

    /// What was counted since the start.
    pub fn stats(&self) -> CacheStats {
        let inner = &self.inner;
        let in_memory = inner.memory.weight() + inner.pieces.taken();
        CacheStats {
            damaged_files: inner.blobs.damaged() + inner.manifests.damaged(),
            ..inner.counters.read(inner.stored(), in_memory)
        }
    }

    /// The tier behind the disk, where there is one.
    pub fn remote(&self) -> Option<&Arc<RemoteTier>> {
        self.inner.remote.as_ref()
    }

    fn spawn_maintenance(&self) {
        self.every("cache upkeep", MAINTENANCE_PERIOD, |cache, _| async move {
            cache.evict_once().await;
            cache.save_pulls_once().await;
        });
        self.every("cache recheck", RECHECK_PERIOD, |cache, now| async move {
            cache.recheck_once(now).await;
        });
    }

    /// Does something now and then, for as long as somebody has the cache.
    fn every<F, Fut>(&self, name: &'static str, period: Duration, once: F)
    where
        F: Fn(Self, Timestamp) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let inner = Arc::downgrade(&self.inner);
        self.inner.tasks.every(name, period, move |now| {
            let done = inner.upgrade().map(|inner| once(Self { inner }, now));
            async move {
                if let Some(done) = done {
                    done.await;
                }
            }
        });
    }
}

impl Inner {
    fn open(
        config: &CacheOptions,
        (remote, tasks): (Option<Arc<RemoteTier>>, Tasks),
        records: DigestRecords,
        lock: File,
    ) -> io::Result<Self> {
        let pieces = PieceBudget::new(config.memory);
        let store = |folder: &str| FileStore::new(config.path.join(folder), pieces.clone());
        let inner = Self {
            blobs: store("blobs"),
            manifests: store("manifests"),
            temporary: TemporaryFolder::open(config.path.join("tmp"))?,
            space: Space::new(config),
            room_lock: Arc::new(Semaphore::new(1)),
            fills: Fills::default(),
            memory: ContentMemory::new(config.memory),
            pieces,
            path: config.path.clone(),
            remote,
            tasks,
            records,
            learning: SingleFlight::default(),
            proofs: SingleFlight::default(),
            counters: CacheCounters::default(),
            write_fault: WriteFault::default(),
            walk: Mutex::default(),
            _lock: lock,
        };
        scan(&inner.blobs)?;
        scan(&inner.manifests)?;
        Ok(inner)
    }
}

/// Takes the folder's lock: two processes would delete each other's temporary files.
fn lock(folder: &Path) -> Result<File, CacheError> {
    let mut options = File::options();
    // To read it too: who only writes waits for the reader of a pipe that lies there.
    options.read(true).write(true).create(true).truncate(false);
    let file = std::fs::create_dir_all(folder)
        .and_then(|()| options.open(folder.join("lock")))
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
