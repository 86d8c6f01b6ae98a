//! How long the writer is at what it does: a file system that hangs, and a pipe that nobody
//! reads, neither take a write nor refuse it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A write that takes so long counts as failed, until it returns.
pub(super) const HANGS_FROM: Duration = Duration::from_secs(5);

/// When the writer began what it does now; there is one writer.
#[derive(Default)]
pub(super) struct InHand(Mutex<Option<Instant>>);

/// What is in hand until it is dropped.
pub(super) struct Begun<'a>(&'a InHand);

impl InHand {
    pub(super) fn begin(&self) -> Begun<'_> {
        *self.since() = Some(Instant::now());
        Begun(self)
    }

    /// Whether something has been in hand for so long.
    pub(super) fn takes(&self, time: Duration) -> bool {
        self.since().is_some_and(|it| it.elapsed() >= time)
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        *self.0.since() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_return_takes_long_until_it_does() {
        let in_hand = InHand::default();
        assert!(!in_hand.takes(Duration::ZERO));
        let begun = in_hand.begin();
        assert!(in_hand.takes(Duration::ZERO));
        assert!(!in_hand.takes(Duration::MAX));
        drop(begun);
        assert!(!in_hand.takes(Duration::ZERO));
    }
}
