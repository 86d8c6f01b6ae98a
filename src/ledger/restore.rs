//! Putting a backup back in the place of the ledger: made whole beside it, and then put
//! there in one step. What lay there is kept under another name.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::backup::sync_folder_of;
use super::private_file::{create_folder_of, open_private};
use super::serving_lock::ServingLock;
use super::{Ledger, LedgerAccess, LedgerError, LedgerOptions};

/// The files that SQLite keeps beside a database, by the end of their names.
const SQLITE_SUFFIXES: [&str; 2] = ["-wal", "-shm"];

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
        fs::File::open(backup).map_err(LedgerError::file(backup))?;
        let unsound = |source| LedgerError::Backup {
            path: backup.to_owned(),
            source: Box::new(source),
        };
        Ledger::verify(backup).await.map_err(unsound)?;
        create_folder_of(target)?;
        let lock = ServingLock::hold(target)?;
        let unfinished = with(target, ".restored");
        remove_all(&unfinished)?;
        copy(backup, &unfinished).await?;
        let options = LedgerOptions::at(&unfinished);
        Ok(Self {
            ledger: Ledger::open(options, LedgerAccess::Serve, now).await?,
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

fn with(path: &Path, end: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
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

fn remove_all(path: &Path) -> Result<(), LedgerError> {
    let beside = SQLITE_SUFFIXES.map(|end| with(path, end));
    let lock = with(path, ".lock");
    for path in beside.iter().chain([&lock, &path.to_owned()]) {
        match fs::remove_file(path) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                return Err(LedgerError::file(path)(source));
            }
            _ => {}
        }
    }
    Ok(())
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
