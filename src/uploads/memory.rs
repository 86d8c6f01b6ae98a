//! The text of bodies in memory: so much at once, however many there are.

use std::io;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::UploadConfig;

const KIB: u64 = 1 << 10;

/// Room for text. Clones share it.
#[derive(Clone)]
pub(super) struct Memory {
    /// In KiB.
    room: Arc<Semaphore>,
    most: u32,
}

/// Room that one body takes, until dropped.
pub(super) type HeldBytes = OwnedSemaphorePermit;

impl Memory {
    pub(super) fn new(config: &UploadConfig) -> Self {
        let most = u32::try_from(config.memory as u64 / KIB).unwrap_or(u32::MAX);
        Self {
            room: Arc::new(Semaphore::new(most as usize)),
            most,
        }
    }

    /// Waits until there is room for `len` bytes; a body that is larger than all of
    /// it takes all of it.
    pub(super) async fn hold(&self, len: u64) -> io::Result<HeldBytes> {
        let kib = u32::try_from(len.div_ceil(KIB)).unwrap_or(u32::MAX);
        let held = self.room.clone().acquire_many_owned(kib.min(self.most));
        held.await.map_err(io::Error::other)
    }
}
