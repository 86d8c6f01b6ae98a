//! Opening: file, lock, schema, connections, index.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::fs::{FlockOperation, flock};
use sqlx::SqlitePool;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::Mutex;

use super::catalogue::RememberedCatalogue;
use super::placement::Placement;
use super::write_health::{WriteFailure, WriteHealth};
use super::{Index, LedgerError, LedgerOptions};
use crate::metrics::Metrics;
use crate::storage_fault::StorageFault;
use crate::tasks::HeavyWork;
use crate::trust::LedgerMark;

static MIGRATIONS: Migrator = sqlx::migrate!("src/ledger/migrations");

/// How long a write waits for another process's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READER_CONNECTIONS: u32 = 4;
/// How long anyone waits for a connection: longer than for another process's write.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// How the ledger is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerAccess {
    /// The one process that serves: holds the lock, loads the index at once.
    Serve,
    /// A command beside it: loads the index only if evidence is asked for.
    Client,
}

/// The trust records.
pub struct Ledger {
    pub(super) writer: SqlitePool,
    pub(super) readers: SqlitePool,
    /// Serialises writes: held from the start of a write until memory shows it.
    pub(super) write_turn: Mutex<()>,
    pub(super) index: Index,
    pub(super) config: LedgerOptions,
    pub(super) metrics: Metrics,
    /// Where long lists are read and written.
    pub(super) heavy: HeavyWork,
    pub(super) write_health: WriteHealth,
    /// Why it was last not read; `None` when it was.
    pub(super) unread: std::sync::Mutex<Option<StorageFault>>,
    pub(super) placement: Placement,
    pub(super) catalogue: RememberedCatalogue,
    /// Which ledger it is.
    pub(super) id: String,
    /// Microseconds; when memory was last known to hold all changes.
    pub(super) confirmed: AtomicI64,
    /// Microseconds; the newest time in the records.
    pub(super) newest: AtomicI64,
    _lock: Option<Lock>,
}

impl Ledger {
    /// Opens the ledger, and makes it where there is none (file 0600, directory
    /// 0700). To serve loads the whole index first: measured two seconds and
    /// 0.7 GB for 100,000 images of twelve layers, which is simpler to live with
    /// than an index half known.
    ///
    /// # Errors
    /// [`LedgerError`] where the file cannot be opened, is newer than this program, or is
    /// locked.
    pub async fn open(
        config: LedgerOptions,
        access: LedgerAccess,
        now: Timestamp,
    ) -> Result<Self, LedgerError> {
        create(&config.path)?;
        let lock = match access {
            LedgerAccess::Serve => Some(hold_lock(&config.path)?),
            LedgerAccess::Client => None,
        };
        let writer = pool(&config.path, 1, false).await?;
        migrate(&writer, access).await?;
        let id = sqlx::query_scalar("SELECT id FROM identity");
        let id: String = id.fetch_one(&writer).await?;
        let placement = Placement::of(&config.path)?;
        let ledger = Self {
            id,
            readers: pool(&config.path, READER_CONNECTIONS, true).await?,
            writer,
            write_turn: Mutex::new(()),
            index: Index::empty(config.verdict_bytes),
            config,
            metrics: Metrics::new(),
            heavy: HeavyWork::new(),
            write_health: WriteHealth::default(),
            unread: std::sync::Mutex::default(),
            placement,
            catalogue: RememberedCatalogue::default(),
            confirmed: AtomicI64::new(now.as_microsecond()),
            newest: AtomicI64::new(i64::MIN),
            _lock: lock,
        };
        ledger.read_newest_time().await?;
        if access == LedgerAccess::Serve {
            ledger.load_once().await?;
        }
        Ok(ledger)
    }

    /// The index in memory.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Why it was last not read, or lies elsewhere; `None` when it was read.
    pub fn read_fault(&self) -> Option<StorageFault> {
        let unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        unread.clone()
    }

    /// Which ledger it is, and how far memory is sure to have come.
    pub fn mark(&self) -> LedgerMark {
        LedgerMark {
            id: self.id.clone(),
            change: self.index.seq(),
        }
    }

    /// Since when, and why, it cannot be written; `None` when it can.
    pub fn write_failure(&self) -> Option<WriteFailure> {
        self.write_health.failure()
    }

    /// The newest time in the records.
    pub fn newest_time(&self) -> Option<Timestamp> {
        let micros = self.newest.load(Ordering::Relaxed);
        Timestamp::from_microsecond(micros).ok()
    }

    /// How far `now` runs behind the records; zero when it does not.
    pub fn clock_behind(&self, now: Timestamp) -> SignedDuration {
        self.newest_time().map_or(SignedDuration::ZERO, |newest| {
            newest.duration_since(now).max(SignedDuration::ZERO)
        })
    }

    /// Ends all connections; memory still answers.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    async fn read_newest_time(&self) -> Result<(), LedgerError> {
        let newest = "SELECT max(at) FROM (SELECT max(at) AS at FROM changes \
                      UNION ALL SELECT max(time) FROM decisions)";
        let at: Option<i64> = sqlx::query_scalar(newest).fetch_one(&self.readers).await?;
        if let Some(at) = at {
            self.newest.fetch_max(at, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// SQLite gives its side files the mode of the database, so it must be right
/// before the first byte.
fn create(path: &Path) -> Result<(), LedgerError> {
    create_folder_of(path)?;
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        // Not even opened: closing it would end SQLite's locks in this process.
        Err(source) if source.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop).map_err(LedgerError::file(path)),
    }
}

pub(super) fn create_folder_of(path: &Path) -> Result<(), LedgerError> {
    let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) else {
        return Ok(());
    };
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(LedgerError::file(folder))
}

pub(super) fn open_private(path: &Path) -> Result<File, LedgerError> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    options.open(path).map_err(LedgerError::file(path))
}

/// The lock of the one that serves. It is given up by name: a process that was just
/// forked holds the open file too, and would keep the lock until it executes.
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

pub(super) fn hold_lock(database: &Path) -> Result<Lock, LedgerError> {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    let path = PathBuf::from(name);
    let file = open_private(&path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Lock(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(LedgerError::AlreadyServed(path)),
        Err(errno) => Err(LedgerError::file(&path)(errno.into())),
    }
}

async fn pool(path: &Path, connections: u32, read_only: bool) -> Result<SqlitePool, LedgerError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(read_only)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT);
    let pool = SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false);
    Ok(pool.connect_with(options).await?)
}

/// The version of the newest migration in this program.
pub(super) fn known_schema() -> i64 {
    MIGRATIONS.iter().map(|m| m.version).max().unwrap_or(0)
}

/// The version of the schema in a database; `None` when it is new.
pub(super) async fn found_schema(pool: &SqlitePool) -> Result<Option<i64>, LedgerError> {
    let table = "SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'";
    let tables: i64 = sqlx::query_scalar(table).fetch_one(pool).await?;
    if tables == 0 {
        return Ok(None);
    }
    let version = "SELECT max(version) FROM _sqlx_migrations";
    Ok(sqlx::query_scalar(version).fetch_one(pool).await?)
}

/// A client never changes the schema under a running serve.
async fn migrate(writer: &SqlitePool, access: LedgerAccess) -> Result<(), LedgerError> {
    let known = known_schema();
    match found_schema(writer).await? {
        Some(found) if found > known => Err(LedgerError::NewerSchema { found, known }),
        Some(found) if found < known && access == LedgerAccess::Client => {
            Err(LedgerError::OlderSchema { found, known })
        }
        _ => Ok(MIGRATIONS.run(writer).await?),
    }
}
