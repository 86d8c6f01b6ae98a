//! The handle: batches in, written when the call returns.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::Mutex;

use super::chain::ChainEnd;
use super::in_hand::{HANGS_FROM, InHand};
use super::writer::Writer;
use super::{AuditError, AuditOptions};
use crate::oci::without_controls;

/// The log. Cloning shares it; batches of concurrent callers follow each other
/// whole, in the order of the calls.
#[derive(Clone)]
pub struct Audit {
    writer: Arc<Mutex<Writer>>,
    in_hand: Arc<InHand>,
}

impl Audit {
    /// Opens the log, or creates it. A last line that a crash tore is ended, so
    /// that the next record stands on a line of its own.
    ///
    /// # Errors
    /// [`AuditError`] where the file cannot be opened or ended.
    pub fn open(config: AuditOptions) -> Result<Self, AuditError> {
        let writer = Arc::new(Mutex::new(Writer::open(config)?));
        Ok(Self {
            writer,
            in_hand: Arc::default(),
        })
    }

    /// Whether a write has not returned for five seconds: the file system hangs, or
    /// nobody reads the pipe.
    pub fn hangs(&self) -> bool {
        self.in_hand.takes(HANGS_FROM)
    }

    /// Opens the file again if its path no longer leads to it, as after a rotation. The
    /// next batch would do so, too; until then the old file stays open.
    ///
    /// # Errors
    /// [`AuditError`] where the new file cannot be opened; the old one stays.
    pub async fn reopen(&self) -> Result<(), AuditError> {
        self.work(Writer::follow_rotation).await
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
        let append = move |writer: &mut Writer| writer.append(&records, sync);
        self.work(append).await
    }

    /// Lets the writer work where that may block; it ends what it began even if the caller is
    /// dropped.
    async fn work(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<(), AuditError> + Send + 'static,
    ) -> Result<(), AuditError> {
        let mut writer = self.writer.clone().lock_owned().await;
        let in_hand = self.in_hand.clone();
        let worked = tokio::task::spawn_blocking(move || {
            let _begun = in_hand.begin();
            work(&mut writer)
        });
        worked.await.unwrap_or(Err(AuditError::Gone))
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
