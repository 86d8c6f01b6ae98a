//! Whether the files that are open still lie where they were opened: what is written to a
//! file that was moved away is lost with the next start.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::LedgerError;
use super::side_files::with;
use crate::file_access::behind_links;
use crate::storage_fault::StorageFault;

/// The database as it was opened, and the path of its log, which SQLite makes and removes.
pub(super) struct Placement {
    database: PathBuf,
    /// Device and inode.
    opened: (u64, u64),
    /// `None`: this file system has none.
    log: Option<PathBuf>,
}

impl Placement {
    /// Of a database that was just opened.
    pub fn of(database: &Path) -> Result<Self, LedgerError> {
        // SQLite keeps it beside the file that links lead to.
        let log = with(&behind_links(database), "-wal");
        Ok(Self {
            database: database.to_owned(),
            opened: place(database).map_err(LedgerError::file(database))?,
            log: log.exists().then_some(log),
        })
    }

    /// What is wrong with it, from two calls of the system.
    pub fn fault(&self) -> Option<StorageFault> {
        match place(&self.database) {
            Ok(found) if found != self.opened => Some(StorageFault::Replaced),
            Ok(_) => {
                let log = self.log.as_deref().map(place);
                log?.err().map(|error| StorageFault::of_io(&error))
            }
            Err(error) => Some(StorageFault::of_io(&error)),
        }
    }
}

fn place(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::metadata(path)?;
    Ok((found.dev(), found.ino()))
}
