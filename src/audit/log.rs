//! The handle: batches in, written when the call returns.

use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::Mutex;

use super::writer::Writer;

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    File(PathBuf),
    Stdout,
}

impl FromStr for Target {
    type Err = std::convert::Infallible;

    /// `-` is standard output, anything else a path.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "-" => Self::Stdout,
            path => Self::File(path.into()),
        })
    }
}

/// How the log is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub target: Target,
    /// Permission bits of a file that is created, such as `0o600`.
    pub mode: u32,
    /// Whether a batch must be on the disk, and not merely with the kernel,
    /// before it counts as written.
    pub sync: bool,
}

/// Why records were not written.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("cannot open the audit log {path}: {source}")]
    Open { path: PathBuf, source: io::Error },
    #[error("cannot write the audit log: {0}")]
    Write(io::Error),
    #[error("a record cannot be written as JSON: {0}")]
    Record(serde_json::Error),
    #[error("the audit log's writer is gone")]
    Gone,
}

/// The log. Cloning shares it; batches of concurrent callers follow each other
/// whole, in the order of the calls.
#[derive(Clone)]
pub struct Audit {
    writer: Arc<Mutex<Writer>>,
}

impl Audit {
    /// Opens the log, or creates it. A last line that a crash tore is ended, so
    /// that the next record stands on a line of its own.
    pub fn open(config: Config) -> Result<Self, AuditError> {
        let writer = Arc::new(Mutex::new(Writer::open(config)?));
        Ok(Self { writer })
    }

    /// Appends `batch`, one line a record, and returns once it is written. On an
    /// error the batch may be there in part: written again, records may stand
    /// there twice, and never half a record that reads as a whole one.
    ///
    /// Records are whole even if the caller is dropped meanwhile.
    pub async fn write<T: Serialize>(&self, batch: &[T]) -> Result<(), AuditError> {
        let lines = lines(batch).map_err(AuditError::Record)?;
        let mut writer = self.writer.clone().lock_owned().await;
        let written = tokio::task::spawn_blocking(move || writer.append(&lines));
        written.await.unwrap_or(Err(AuditError::Gone))
    }
}

fn lines<T: Serialize>(batch: &[T]) -> Result<Vec<u8>, serde_json::Error> {
    let mut lines = Vec::with_capacity(batch.len() * 512);
    for record in batch {
        let start = lines.len();
        serde_json::to_writer(&mut lines, record)?;
        keep_on_one_line(&mut lines[start..]);
        lines.push(b'\n');
    }
    Ok(lines)
}

/// A raw newline in JSON can only be white space between tokens, as in a
/// [`serde_json::value::RawValue`].
fn keep_on_one_line(record: &mut [u8]) {
    for byte in record {
        if *byte == b'\n' {
            *byte = b' ';
        }
    }
}
