//! The lock of the one that serves, beside the file.
//!
//! Beside the file that links lead to, and not beside a link: however two of them spell the
//! path of one file, they find one lock.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::LedgerError;
use super::private_file::open_private;
use super::side_files::with;
use crate::file_access::behind_links;

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
        let path = with(&behind_links(database), ".lock");
        let file = open_private(&path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(LedgerError::AlreadyServed(path)),
            Err(errno) => Err(LedgerError::file(&path)(errno.into())),
        }
    }
}
