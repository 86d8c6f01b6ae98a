//! The ledger, and its opening.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::catalogue::RememberedCatalogue;
use super::change_listener::ChangeListener;
use super::load_cursor::LoadCursor;
use super::placement::Placement;
use super::serving_lock::ServingLock;
use super::sql::{SqlPool, query};
use super::sqlite_file;
use super::write_health::{WriteFailure, WriteHealth};
use super::{
    Index, LedgerAccess, LedgerError, LedgerLocation, LedgerOptions, copy, postgres_database,
};
use crate::metrics::Metrics;
use crate::storage_fault::StorageFault;
use crate::tasks::HeavyWork;
use crate::trust::LedgerMark;

/// The trust records.
pub struct Ledger {
    pub(super) writer: SqlPool,
    pub(super) readers: SqlPool,
    /// Serialises writes: held from the start of a write until memory shows it.
    pub(super) write_turn: Mutex<()>,
    /// Serialises what writes evidence on a server, beside other writes.
    pub(super) evidence_turn: Mutex<()>,
    /// Serialises what changes memory: held for as long as that takes, and by no write that
    /// waits for the database.
    pub(super) apply_turn: Mutex<()>,
    pub(super) loading: Mutex<LoadCursor>,
    pub(super) index: Index,
    pub(super) config: LedgerOptions,
    pub(super) metrics: Metrics,
    /// Where long lists are read and written.
    pub(super) heavy: HeavyWork,
    pub(super) write_health: WriteHealth,
    /// Why it was last not read; `None` when it was.
    pub(super) unread: std::sync::Mutex<Option<StorageFault>>,
    pub(super) catalogue: RememberedCatalogue,
    /// Of a file.
    pub(super) placement: Option<Placement>,
    /// Of a server.
    pub(super) listener: Option<ChangeListener>,
    /// Which ledger it is.
    pub(super) id: String,
    /// Microseconds; when memory was last known to hold all changes.
    pub(super) confirmed: AtomicI64,
    /// Microseconds; the newest time in the records.
    pub(super) newest: AtomicI64,
    /// Microseconds; negative until a write of another process was followed.
    pub(super) lag: AtomicI64,
    _lock: Option<ServingLock>,
}

impl Ledger {
    /// Opens the ledger, and makes it where there is none (file 0600, directory
    /// 0700). To serve loads a small index whole; of a large one `load_once` loads the
    /// rest, while the ledger answers already.
    ///
    /// # Errors
    /// [`LedgerError`] where the file cannot be opened, is newer than this program, or is
    /// locked.
    pub async fn open(
        config: LedgerOptions,
        access: LedgerAccess,
        now: Timestamp,
    ) -> Result<Self, LedgerError> {
        let opened = match &config.location {
            LedgerLocation::File(path) => sqlite_file::open(path, access).await?,
            LedgerLocation::Server(options) => postgres_database::open(options, access).await?,
        };
        let id: String = query("SELECT id FROM identity")
            .value(&opened.readers)
            .await?;
        if id.starts_with(copy::MOVED) {
            return Err(LedgerError::Moved);
        }
        let ledger = Self {
            id,
            readers: opened.readers,
            writer: opened.writer,
            write_turn: Mutex::default(),
            evidence_turn: Mutex::default(),
            apply_turn: Mutex::default(),
            loading: Mutex::default(),
            index: Index::empty(config.verdict_bytes),
            config,
            metrics: Metrics::new(),
            heavy: HeavyWork::new(),
            write_health: WriteHealth::default(),
            unread: std::sync::Mutex::default(),
            catalogue: RememberedCatalogue::default(),
            placement: opened.placement,
            listener: opened.listener,
            confirmed: AtomicI64::new(now.as_microsecond()),
            newest: AtomicI64::new(i64::MIN),
            lag: AtomicI64::new(-1),
            _lock: opened.lock,
        };
        ledger.read_newest_time().await?;
        if access == LedgerAccess::Serve {
            ledger.load_beyond(ledger.config.loaded_at_open).await?;
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
                      UNION ALL SELECT max(time) FROM decisions) AS times";
        let at: Option<i64> = query(newest).value(&self.readers).await?;
        if let Some(at) = at {
            self.newest.fetch_max(at, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl LedgerLocation {
    /// Whether a ledger is there already, of whatever age.
    ///
    /// # Errors
    /// [`LedgerError`] where a server does not say.
    pub async fn holds_ledger(&self) -> Result<bool, LedgerError> {
        match self {
            Self::File(path) => path.try_exists().map_err(LedgerError::file(path)),
            Self::Server(options) => postgres_database::is_there(options).await,
        }
    }
}
