//! Errors of the ledger.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sqlx::migrate::MigrateError;

use super::sql::fault_of;
use crate::access::TOKEN_NAME_RULE;
use crate::storage_fault::StorageFault;
use crate::tasks::WorkFailed;

/// Why a verb of the ledger failed. A write that returns an error may still have
/// been made; it was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error(
        "the ledger is named by a URL sqlite:///path or postgres://user@host/database, not {0:?}"
    )]
    Url(String),
    /// What is wrong with the URL of a server; the URL is not shown.
    #[error("the URL of the ledger's server {0}")]
    ServerUrl(String),
    #[error("another serve holds {}; one ledger has one serve", .0.display())]
    AlreadyServed(PathBuf),
    #[error("the ledger has schema {found}, this program knows {known}; run a newer sekisho")]
    NewerSchema { found: i64, known: i64 },
    #[error("the ledger has schema {found}, this program needs {known}; start serve once")]
    OlderSchema { found: i64, known: i64 },
    /// The date of the scan or of its database, and the time here.
    #[error("the report is from the future: {0}, and it is {1}; set the scanner's clock, or ours")]
    FromTheFuture(Timestamp, Timestamp),
    /// The declared time of the scan, and the time here.
    #[error("the scan is declared to be of {0}, which lies ahead: it is {1}")]
    DeclaredAhead(Timestamp, Timestamp),
    /// Of one submitter, about one manifest, the new one among them.
    #[error(
        "{scans} reports by different tools of this submitter would count for the image, with \
         {items} findings and packages; that is too many"
    )]
    TooManyScans { scans: usize, items: i64 },
    #[error("a closure was handed in for another digest than its root")]
    OtherRoot,
    #[error("an alias is one sha256 and one sha512 digest of the same bytes")]
    NoAlias,
    #[error("{TOKEN_NAME_RULE}")]
    TokenName,
    #[error("there is a token {0:?}, or was; take another name")]
    TokenExists(String),
    #[error("there is no token {0:?}")]
    UnknownToken(String),
    #[error("the token {0:?} is revoked")]
    TokenRevoked(String),
    #[error("the token is revoked; what it handed in is not withdrawn yet: {0}")]
    NotWithdrawn(Box<LedgerError>),
    #[error("{} exists; a backup never replaces a file", .0.display())]
    BackupExists(PathBuf),
    #[error("{id} of the audit log, which would be done again, says no {what}")]
    UnreadableAct { id: String, what: String },
    #[error("a ledger on a server is backed up with the server's own tools, such as pg_dump")]
    BackupOfServer,
    #[error("there is no ledger at {0}")]
    NoLedger(String),
    #[error("the target of a copy holds something already, in {0}")]
    NotEmpty(String),
    /// The name of a machine, or of a Pod.
    #[error("{0} serves this ledger")]
    ServedBy(String),
    #[error("the ledger was moved to another database; serve that one")]
    Moved,
    /// What is to be put back, and not the ledger that lies there.
    #[error("the backup {} cannot be put back: {source}", path.display())]
    Backup {
        path: PathBuf,
        source: Box<LedgerError>,
    },
    #[error("the ledger is damaged: {0}")]
    Damaged(String),
    /// A copy of the ledger, and not the ledger that was copied.
    #[error("{} cannot be written: {fault}", path.display())]
    Unwritten { path: PathBuf, fault: StorageFault },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the ledger cannot be used: {0}")]
    Displaced(StorageFault),
    #[error("nothing was written: {0}")]
    BrokenOff(#[from] WorkFailed),
    #[error("the ledger does not answer: {}", told(.0))]
    Database(#[from] sqlx::Error),
    #[error("the ledger's schema: {0}")]
    Schema(#[from] MigrateError),
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
            Self::Schema(
                MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _),
            ) => Some(fault_of(error)),
            Self::File { source, .. } => Some(StorageFault::of_io(source)),
            Self::Displaced(fault) | Self::Unwritten { fault, .. } => Some(fault.clone()),
            Self::NotWithdrawn(error) => error.fault(),
            Self::Damaged(_) => Some(StorageFault::Damaged),
            _ => None,
        }
    }

    /// The same of the copy at `path`, where it is that which finds no room: a copy is all that
    /// is written then, and the database does not say to which file.
    pub fn at(self, path: &Path) -> Self {
        let fault = match &self {
            Self::Database(_) | Self::Schema(_) => self.fault(),
            _ => None,
        };
        match fault {
            Some(
                fault @ (StorageFault::DiskFull
                | StorageFault::QuotaUsedUp
                | StorageFault::Unwritable),
            ) => Self::Unwritten {
                path: path.to_owned(),
                fault,
            },
            _ => self,
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
