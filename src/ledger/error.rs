//! Errors of the ledger.

use std::io;
use std::path::{Path, PathBuf};

use crate::storage_fault::StorageFault;
use crate::tasks::WorkFailed;

/// Why a verb of the ledger failed. A write that returns an error may still have
/// been made; it was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("the ledger is named by a URL sqlite:///path, not {0:?}")]
    Url(String),
    #[error("another serve holds {}; one ledger has one serve", .0.display())]
    AlreadyServed(PathBuf),
    #[error("the ledger has schema {found}, this program knows {known}; run a newer sekisho")]
    NewerSchema { found: i64, known: i64 },
    #[error("the ledger has schema {found}, this program needs {known}; start serve once")]
    OlderSchema { found: i64, known: i64 },
    #[error("the scan or its database is dated in the future; check the scanner's clock")]
    FromTheFuture,
    #[error("a closure was handed in for another digest than its root")]
    OtherRoot,
    #[error("an alias is one sha256 and one sha512 digest of the same bytes")]
    NoAlias,
    #[error("a token's name is 1 to 64 of a-z, A-Z, 0-9 and . _ - and not \"anonymous\"")]
    TokenName,
    #[error("there is a token {0:?}, or was; take another name")]
    TokenExists(String),
    #[error("there is no token {0:?}")]
    UnknownToken(String),
    #[error("the token {0:?} is revoked")]
    TokenRevoked(String),
    #[error("{} exists; a backup never replaces a file", .0.display())]
    BackupExists(PathBuf),
    #[error("{id} of the audit log, which would be done again, says no {what}")]
    UnreadableAct { id: String, what: String },
    #[error("the ledger is damaged: {0}")]
    Damaged(String),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the ledger cannot be used: {0}")]
    Displaced(StorageFault),
    #[error("nothing was written: {0}")]
    BrokenOff(#[from] WorkFailed),
    #[error("the ledger does not answer: {}", told(.0))]
    Database(#[from] sqlx::Error),
    #[error("the ledger's schema: {0}")]
    Schema(#[from] sqlx::migrate::MigrateError),
}

impl LedgerError {
    /// A stored record that cannot be read; never skipped.
    pub(super) fn unreadable(what: &str, why: impl std::fmt::Display) -> Self {
        Self::Damaged(format!("unreadable {what}: {why}"))
    }

    /// What keeps the ledger from being read or written; `None` where it is not the
    /// storage that failed.
    pub fn fault(&self) -> Option<StorageFault> {
        match self {
            Self::Database(error) => Some(fault_of(error)),
            Self::File { source, .. } => Some(StorageFault::of_io(source)),
            Self::Displaced(fault) => Some(fault.clone()),
            Self::Damaged(_) => Some(StorageFault::Damaged),
            _ => None,
        }
    }

    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |source| Self::File {
            path: path.to_owned(),
            source,
        }
    }
}

fn told(error: &sqlx::Error) -> String {
    match fault_of(error) {
        StorageFault::Other(text) => text,
        fault => format!("{fault} ({error})"),
    }
}

/// By the primary result codes of SQLite (<https://sqlite.org/rescode.html>).
fn fault_of(error: &sqlx::Error) -> StorageFault {
    let database = error.as_database_error();
    let code = database.and_then(|it| it.code());
    let code: Option<i32> = code.and_then(|it| it.parse().ok());
    match (error, code.map(|code| code & 0xff)) {
        (_, Some(13)) => StorageFault::DiskFull,
        (_, Some(5 | 6)) => StorageFault::Locked,
        (_, Some(8)) if code == Some(DATABASE_MOVED) => StorageFault::Gone,
        (_, Some(8)) => StorageFault::ReadOnly,
        (_, Some(3 | 23)) => StorageFault::NotPermitted,
        (_, Some(14)) => StorageFault::Other("its file cannot be opened".to_owned()),
        (_, Some(11 | 26)) => StorageFault::Damaged,
        (sqlx::Error::Io(source), _) => StorageFault::of_io(source),
        (sqlx::Error::PoolTimedOut, _) => {
            StorageFault::Other("no connection to it became free".to_owned())
        }
        _ => StorageFault::Other(error.to_string()),
    }
}

/// `SQLITE_READONLY_DBMOVED`
const DATABASE_MOVED: i32 = 8 | (4 << 8);
