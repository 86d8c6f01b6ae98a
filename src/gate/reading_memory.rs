//! Memory for the manifests and configs of images that are being read, all together: one such
//! image may have 32 MiB, and any client can name as many as there are.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics::UpstreamCause;
use crate::upstream::UpstreamError;

/// The most bytes of all readings, in KiB.
const MAX_KIB: usize = 256 << 10;
/// When to ask again where there was no room.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Room for readings.
#[derive(Clone)]
pub(super) struct ReadingMemory(Arc<Semaphore>);

/// What one reading holds, until it is dropped.
pub(super) struct HeldMemory {
    all: Arc<Semaphore>,
    own: Option<OwnedSemaphorePermit>,
}

impl ReadingMemory {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MAX_KIB)))
    }

    /// For a reading that holds nothing yet.
    pub(super) fn begin(&self) -> HeldMemory {
        HeldMemory {
            all: self.0.clone(),
            own: None,
        }
    }
}

impl HeldMemory {
    /// Takes `bytes` more. It waits for none: readings that wait for each other would never end.
    ///
    /// # Errors
    /// Where there is no room: come back in a moment.
    pub(super) fn take(&mut self, bytes: u64) -> Result<(), UpstreamError> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        let Ok(more) = self.all.clone().try_acquire_many_owned(kib) else {
            return Err(UpstreamError::Unavailable {
                cause: UpstreamCause::Busy,
                retry_after: Some(RETRY_AFTER),
                detail: "too many large images are read from it at once".into(),
            });
        };
        match &mut self.own {
            Some(own) => own.merge(more),
            None => self.own = Some(more),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_of_strangers_share_one_bound_of_memory() {
        let memory = ReadingMemory::new();
        let most = (MAX_KIB as u64) << 10;
        let (mut one, mut other) = (memory.begin(), memory.begin());
        one.take(1).unwrap();
        one.take(most / 2).unwrap();
        other.take(most / 4).unwrap();
        assert!(matches!(
            other.take(most / 2),
            Err(UpstreamError::Unavailable {
                cause: UpstreamCause::Busy,
                retry_after: Some(_),
                ..
            })
        ));
        drop(one);
        other.take(most / 2).unwrap();
        drop(other);
        memory.begin().take(most).unwrap();
    }
}
