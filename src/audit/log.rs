//! The handle: batches in, written when the call returns.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::Mutex;

use super::chain::ChainEnd;
use super::writer::Writer;
use super::{AuditError, AuditOptions};
use crate::oci::without_controls;

/// The log. Cloning shares it; batches of concurrent callers follow each other
/// whole, in the order of the calls.
#[derive(Clone)]
pub struct Audit {
    writer: Arc<Mutex<Writer>>,
}

impl Audit {
    /// Opens the log, or creates it. A last line that a crash tore is ended, so
    /// that the next record stands on a line of its own.
    ///
    /// # Errors
    /// [`AuditError`] where the file cannot be opened or ended.
    pub fn open(config: AuditOptions) -> Result<Self, AuditError> {
        let writer = Arc::new(Mutex::new(Writer::open(config)?));
        Ok(Self { writer })
    }

    /// Opens the file again if its path no longer leads to it, as after a rotation. The
    /// next batch would do so, too; until then the old file stays open.
    ///
    /// # Errors
    /// [`AuditError`] where the new file cannot be opened; the old one stays.
    pub async fn reopen(&self) -> Result<(), AuditError> {
        let mut writer = self.writer.clone().lock_owned().await;
        let reopened = tokio::task::spawn_blocking(move || writer.follow_rotation());
        reopened.await.unwrap_or(Err(AuditError::Gone))
    }

    /// Appends `batch`, one line a record, each a JSON object, and returns once it is written. On an
    /// error the batch may be there in part: written again, records may stand
    /// there twice, and never half a record that reads as a whole one.
    ///
    /// Records are whole even if the caller is dropped meanwhile.
    ///
    /// # Errors
    /// [`AuditError`] where the file does not take it.
    pub async fn write<T: Serialize>(&self, batch: &[T]) -> Result<(), AuditError> {
        self.append(batch, false).await
    }

    /// The same, and returns once it is on the disk.
    ///
    /// # Errors
    /// [`AuditError`] where the file does not take it, or cannot be synced.
    pub async fn write_durably<T: Serialize>(&self, batch: &[T]) -> Result<(), AuditError> {
        self.append(batch, true).await
    }

    /// Where the log's chain ends now.
    pub async fn end(&self) -> ChainEnd {
        self.writer.lock().await.end().clone()
    }

    /// Goes on under a new name, behind what is there: that was not as it is known elsewhere,
    /// and is not vouched for by what follows.
    pub async fn begin_anew(&self) -> ChainEnd {
        self.writer.lock().await.begin_anew().clone()
    }

    async fn append<T: Serialize>(&self, batch: &[T], sync: bool) -> Result<(), AuditError> {
        let records = records(batch).map_err(AuditError::Record)?;
        let mut writer = self.writer.clone().lock_owned().await;
        let written = tokio::task::spawn_blocking(move || writer.append(&records, sync));
        written.await.unwrap_or(Err(AuditError::Gone))
    }
}

/// Each on one line.
fn records<T: Serialize>(batch: &[T]) -> Result<Vec<String>, serde_json::Error> {
    let one = |record| {
        let record = on_one_line(serde_json::to_string(record)?);
        Ok(without_controls(&record).into_owned())
    };
    batch.iter().map(one).collect()
}

/// A raw line end or tab in JSON can only be white space between tokens, as in a
/// [`serde_json::value::RawValue`]; those in texts are escaped.
fn on_one_line(record: String) -> String {
    match record.contains(['\n', '\r', '\t']) {
        true => record.replace(['\n', '\r', '\t'], " "),
        false => record,
    }
}
