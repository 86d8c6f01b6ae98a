//! Copies of the ledger, made while it is in use, and their examination.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use super::load::newest_seq;
use super::private_file::open_private;
use super::schema::{found_schema, known_schema};
use super::side_files::{remove_all, with};
use super::sql::{SqlPool, query};
use super::{Ledger, LedgerError, columns};

/// What a sound ledger file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupContents {
    pub schema: i64,
    /// How many changes of evidence it has seen.
    pub seq: u64,
    /// When the newest of them was.
    pub newest: Option<Timestamp>,
}

impl Ledger {
    /// Writes a whole copy to `target` (mode 0600), which must not exist. Nothing
    /// waits for it, and `target` is there only when it is complete.
    ///
    /// # Errors
    /// [`LedgerError`] where `target` exists or cannot be written.
    pub async fn backup(&self, target: &Path) -> Result<(), LedgerError> {
        if self.config.location.file().is_none() {
            return Err(LedgerError::BackupOfServer);
        }
        if target.symlink_metadata().is_ok() {
            return Err(LedgerError::BackupExists(target.to_owned()));
        }
        let unfinished = with(target, ".unfinished");
        remove_all(&unfinished)?;
        let made = self.copy_to(&unfinished, target).await;
        let removed = remove_all(&unfinished);
        made.map_err(|error| error.at(target)).and(removed)
    }

    async fn copy_to(&self, unfinished: &Path, target: &Path) -> Result<(), LedgerError> {
        let file = open_private(unfinished)?;
        query("VACUUM INTO ?")
            .bind(unfinished.to_string_lossy().into_owned())
            .execute(&self.readers)
            .await?;
        file.sync_all().map_err(LedgerError::file(unfinished))?;
        publish(unfinished, target)
    }

    /// Examines a ledger file that no one uses: a backup before it is put back.
    ///
    /// # Errors
    /// [`LedgerError`] where it is damaged, or no ledger of this program's.
    pub async fn verify(path: &Path) -> Result<BackupContents, LedgerError> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let pool = SqlitePoolOptions::new().max_connections(1);
        let pool = pool.connect_with(options).await?;
        let verified = examine(&pool).await;
        pool.close().await;
        verified
    }
}

async fn examine(pool: &SqlitePool) -> Result<BackupContents, LedgerError> {
    let integrity: String = sqlx::query_scalar("PRAGMA integrity_check(1)")
        .fetch_one(pool)
        .await?;
    if integrity != "ok" {
        return Err(LedgerError::Damaged(integrity));
    }
    let known = known_schema();
    let schema = match found_schema(pool).await? {
        None => return Err(LedgerError::Damaged("it is no ledger".to_owned())),
        Some(found) if found > known => return Err(LedgerError::NewerSchema { found, known }),
        Some(found) => found,
    };
    let newest: Option<i64> = sqlx::query_scalar("SELECT max(at) FROM changes")
        .fetch_one(pool)
        .await?;
    let mut connection = SqlPool::Sqlite(pool.clone()).acquire().await?;
    Ok(BackupContents {
        schema,
        seq: newest_seq(&mut connection).await?,
        newest: columns::time_if(newest)?,
    })
}

/// A hard link, unlike a rename, never replaces what came meanwhile.
fn publish(unfinished: &Path, target: &Path) -> Result<(), LedgerError> {
    fs::hard_link(unfinished, target).map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => LedgerError::BackupExists(target.to_owned()),
        _ => LedgerError::file(target)(source),
    })?;
    sync_folder_of(target)
}

/// A name in a folder is on the disk once the folder is.
pub(super) fn sync_folder_of(target: &Path) -> Result<(), LedgerError> {
    let folder = target.parent().filter(|p| !p.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let opened = fs::File::open(folder).and_then(|folder| folder.sync_all());
    opened.map_err(LedgerError::file(folder))
}
