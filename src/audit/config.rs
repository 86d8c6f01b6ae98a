//! Options and errors of the audit log.

use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use super::AuditRotation;
use crate::storage_fault::StorageFault;

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditTarget {
    File(PathBuf),
    Stdout,
}

impl FromStr for AuditTarget {
    type Err = std::convert::Infallible;

    /// `-` is standard output, anything else a path.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "-" => Self::Stdout,
            path => Self::File(path.into()),
        })
    }
}

/// Options of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditOptions {
    pub target: AuditTarget,
    /// Permission bits of a file that is created, such as `0o600`.
    pub mode: u32,
    /// Whether a batch must be on the disk, and not merely with the kernel,
    /// before it counts as written.
    pub sync: bool,
    pub rotation: AuditRotation,
}

impl AuditOptions {
    /// The file of a gateway's log: read by a group, and not on the disk after each batch.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            target: AuditTarget::File(path.into()),
            mode: 0o640,
            sync: false,
            rotation: AuditRotation::default(),
        }
    }
}

impl AuditError {
    /// What keeps the log from being written.
    pub fn fault(&self) -> StorageFault {
        match self {
            Self::Open { source, .. } | Self::Write(source) => StorageFault::of_io(source),
            Self::Record(_) | Self::Gone | Self::Taken(_) => StorageFault::Other(self.to_string()),
        }
    }
}

/// Why records were not written.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("cannot open the audit log {path}: {source}")]
    Open { path: PathBuf, source: io::Error },
    #[error("another process writes the audit log {0}; give each a path of its own in [audit]")]
    Taken(PathBuf),
    #[error("cannot write the audit log: {0}")]
    Write(io::Error),
    #[error("a record cannot be written as JSON: {0}")]
    Record(serde_json::Error),
    #[error("the audit log's writer is gone")]
    Gone,
}
