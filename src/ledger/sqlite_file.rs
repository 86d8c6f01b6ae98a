//! The database as a file: made, locked, and opened.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::opened::Opened;
use super::placement::Placement;
use super::private_file::create_folder_of;
use super::serving_lock::ServingLock;
use super::sql::SqlPool;
use super::{LedgerAccess, LedgerError, schema};

/// How long a write waits for another process's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READER_CONNECTIONS: u32 = 4;
/// How long anyone waits for a connection: longer than for another process's write.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens the file, and makes it where there is none; its schema is that of this program.
pub(super) async fn open(path: &Path, access: LedgerAccess) -> Result<Opened, LedgerError> {
    create(path)?;
    let lock = match access {
        LedgerAccess::Serve => Some(ServingLock::hold(path)?),
        LedgerAccess::Client => None,
    };
    let writer = pool(path, 1, false).await?;
    schema::migrate(&writer, access).await?;
    Ok(Opened {
        placement: Some(Placement::of(path)?),
        writer: SqlPool::Sqlite(writer),
        readers: SqlPool::Sqlite(pool(path, READER_CONNECTIONS, true).await?),
        lock,
        listener: None,
    })
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
