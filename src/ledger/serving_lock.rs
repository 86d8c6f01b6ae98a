//! The lock of the one that serves, beside the file.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::LedgerError;
use super::private_file::open_private;

/// Held until it is dropped. It is given up by name: a process that was just
/// forked holds the open file too, and would keep the lock until it executes.
pub(super) struct ServingLock(File);

impl Drop for ServingLock {
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

impl ServingLock {
    pub fn hold(database: &Path) -> Result<Self, LedgerError> {
        let mut name = database.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        let file = open_private(&path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(LedgerError::AlreadyServed(path)),
            Err(errno) => Err(LedgerError::file(&path)(errno.into())),
        }
    }
}
