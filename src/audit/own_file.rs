//! The file of a log that one process writes: lines of two would be tied to each other's, and
//! look as if somebody had put them there.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Deref;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::AuditError;

/// A file that no other process writes, until it is dropped. The lock is given up by name: a
/// process that was just forked holds the open file too.
pub(super) struct OwnFile(File);

impl Drop for OwnFile {
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

impl Deref for OwnFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl OwnFile {
    /// Opens the file, or creates it. Devices and pipes may have many writers.
    pub(super) fn hold(path: &Path, mode: u32) -> Result<Self, AuditError> {
        let failed = |source: io::Error| AuditError::Open {
            path: path.to_owned(),
            source,
        };
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(mode)
            .open(path)
            .map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Ok(Self(file));
        }
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(file)),
            Err(Errno::WOULDBLOCK) => Err(AuditError::Taken(path.to_owned())),
            // Some file systems of networks have no locks.
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "the audit log cannot be locked");
                Ok(Self(file))
            }
        }
    }
}
