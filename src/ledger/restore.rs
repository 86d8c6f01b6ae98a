//! Putting a backup back in the place of the ledger: made whole beside it, and then put
//! there in one step. What lay there is kept under another name.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::backup::sync_folder_of;
use super::private_file::{create_folder_of, open_private};
use super::serving_lock::ServingLock;
use super::side_files::{SQLITE_SUFFIXES, remove_all, with};
use super::{Ledger, LedgerAccess, LedgerError, LedgerOptions};
use crate::file_access::open_regular;

/// A backup on its way back. Dropped, it leaves the ledger as it was.
pub struct Restoration {
    /// The one that will be the ledger.
    pub ledger: Ledger,
    unfinished: PathBuf,
    target: PathBuf,
    _lock: ServingLock,
}

impl Restoration {
    /// Copies `backup` beside `target`, and brings its schema up to this program's. Nobody
    /// serves `target` from now on until this is over.
    ///
    /// # Errors
    /// [`LedgerError`] where the backup is not sound, the ledger is served, or the copy
    /// cannot be made.
    pub async fn begin(backup: &Path, target: &Path, now: Timestamp) -> Result<Self, LedgerError> {
        // The database itself would not say why it cannot be opened.
        open_regular(backup).map_err(LedgerError::file(backup))?;
        let unsound = |source| LedgerError::Backup {
            path: backup.to_owned(),
            source: Box::new(source),
        };
        Ledger::verify(backup).await.map_err(unsound)?;
        create_folder_of(target)?;
        let lock = ServingLock::hold(target)?;
        let unfinished = with(target, ".restored");
        remove_all(&unfinished)?;
        let ledger = match opened_copy(backup, &unfinished, now).await {
            Ok(ledger) => ledger,
            Err(error) => {
                // It takes room on a disk that may be full. What broke it off tells more than
                // why it is not removed.
                let _left = remove_all(&unfinished);
                return Err(error.at(&unfinished));
            }
        };
        Ok(Self {
            ledger,
            unfinished,
            target: target.to_owned(),
            _lock: lock,
        })
    }

    /// Leaves everything as it was.
    ///
    /// # Errors
    /// The copy cannot be removed.
    pub async fn give_up(self) -> Result<(), LedgerError> {
        self.ledger.close().await;
        remove_all(&self.unfinished)
    }

    /// Puts it in the place of the ledger, and tells under which name that is kept, if there
    /// was one.
    ///
    /// # Errors
    /// A file cannot be moved.
    pub async fn finish(self, now: Timestamp) -> Result<Option<PathBuf>, LedgerError> {
        self.ledger.close().await;
        let log = with(&self.unfinished, SQLITE_SUFFIXES[0]);
        if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
            let left = format!("{} was not taken in", log.display());
            remove_all(&self.unfinished)?;
            return Err(LedgerError::Damaged(left));
        }
        let kept = unused(&with(
            &self.target,
            &format!(".replaced-{}", now.as_second()),
        ));
        let was_there = move_all(&self.target, &kept)?;
        let moved = fs::rename(&self.unfinished, &self.target);
        moved.map_err(LedgerError::file(&self.target))?;
        sync_folder_of(&self.target)?;
        remove_all(&self.unfinished)?;
        Ok(was_there.then_some(kept))
    }
}

/// Brought up to this program's schema.
async fn opened_copy(backup: &Path, copied: &Path, now: Timestamp) -> Result<Ledger, LedgerError> {
    copy(backup, copied).await?;
    Ledger::open(LedgerOptions::at(copied), LedgerAccess::Serve, now).await
}

/// Of what its pages and its log hold, wherever the newest lie.
async fn copy(backup: &Path, target: &Path) -> Result<(), LedgerError> {
    let file = open_private(target)?;
    let options = SqliteConnectOptions::new().filename(backup).read_only(true);
    let pool = SqlitePoolOptions::new().max_connections(1);
    let pool = pool.connect_with(options).await?;
    let copied = sqlx::query("VACUUM INTO ?")
        .bind(target.to_string_lossy().into_owned())
        .execute(&pool)
        .await;
    pool.close().await;
    copied?;
    file.sync_all().map_err(LedgerError::file(target))
}

/// `path`, or the first of `path-2`, `path-3` and so on under which nothing lies: a ledger
/// that was kept before stays. Nobody else takes the name meanwhile, since the ledger is held.
fn unused(path: &Path) -> PathBuf {
    let is_free = |path: &PathBuf| {
        let beside = SQLITE_SUFFIXES.map(|end| with(path, end));
        let mut all = beside.iter().chain([path]);
        all.all(|it| {
            let found = fs::symlink_metadata(it);
            found.is_err_and(|error| error.kind() == ErrorKind::NotFound)
        })
    };
    let numbered = (2_u64..).map(|number| with(path, &format!("-{number}")));
    let mut all = std::iter::once(path.to_owned()).chain(numbered);
    all.find(is_free).unwrap_or_else(|| path.to_owned())
}

/// The database and what lies beside it; whether there was a database.
fn move_all(from: &Path, to: &Path) -> Result<bool, LedgerError> {
    for end in SQLITE_SUFFIXES {
        rename_if(&with(from, end), &with(to, end))?;
    }
    rename_if(from, to)
}

fn rename_if(from: &Path, to: &Path) -> Result<bool, LedgerError> {
    match fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(source) if source.kind() == ErrorKind::NotFound => Ok(false),
        Err(source) => Err(LedgerError::file(from)(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_that_was_kept_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db.replaced-7");
        assert_eq!(unused(&path), path);
        fs::write(&path, "the first").unwrap();
        let second = folder.path().join("ledger.db.replaced-7-2");
        assert_eq!(unused(&path), second);
        // What SQLite keeps beside a database belongs to it.
        fs::write(with(&second, "-wal"), "of the second").unwrap();
        assert_eq!(unused(&path), folder.path().join("ledger.db.replaced-7-3"));
    }
}
