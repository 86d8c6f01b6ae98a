//! Whose turn it is: each sender has its own.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{UploadConfig, UploadError};

/// The senders that have uploads now. A sender that has none is forgotten.
pub(super) struct UploadTurns {
    senders: Mutex<HashMap<String, SubmitterTurns>>,
    at_once: usize,
    waiting: usize,
    patience: Duration,
}

struct SubmitterTurns {
    turns: Arc<Semaphore>,
    present: usize,
}

/// The right to one upload, until dropped.
pub(super) struct Turn {
    _turn: OwnedSemaphorePermit,
    _place: QueuedUpload,
}

/// One upload of a sender, waiting or not.
struct QueuedUpload {
    all: Arc<UploadTurns>,
    sender: String,
}

impl UploadTurns {
    pub(super) fn new(config: &UploadConfig) -> Arc<Self> {
        Arc::new(Self {
            senders: Mutex::default(),
            at_once: config.at_once,
            waiting: config.waiting,
            patience: config.patience,
        })
    }

    /// Waits for a turn of `sender`, behind its own uploads alone.
    pub(super) async fn take(self: &Arc<Self>, sender: &str) -> Result<Turn, UploadError> {
        let (turns, place) = self.enter(sender)?;
        let turn = tokio::time::timeout(self.patience, turns.acquire_owned()).await;
        match turn {
            Ok(Ok(_turn)) => Ok(Turn {
                _turn,
                _place: place,
            }),
            Ok(Err(_)) | Err(_) => Err(UploadError::TooMany),
        }
    }

    fn enter(self: &Arc<Self>, name: &str) -> Result<(Arc<Semaphore>, QueuedUpload), UploadError> {
        let mut senders = self.lock();
        let sender = senders
            .entry(name.to_owned())
            .or_insert_with(|| SubmitterTurns {
                turns: Arc::new(Semaphore::new(self.at_once)),
                present: 0,
            });
        if sender.present == self.at_once + self.waiting {
            return Err(UploadError::TooMany);
        }
        sender.present += 1;
        let place = QueuedUpload {
            all: self.clone(),
            sender: name.to_owned(),
        };
        Ok((sender.turns.clone(), place))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, SubmitterTurns>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn senders(&self) -> usize {
        self.lock().len()
    }
}

impl Drop for QueuedUpload {
    fn drop(&mut self) {
        let mut senders = self.all.lock();
        if let Entry::Occupied(mut sender) = senders.entry(std::mem::take(&mut self.sender)) {
            sender.get_mut().present -= 1;
            if sender.get().present == 0 {
                sender.remove();
            }
        }
    }
}
