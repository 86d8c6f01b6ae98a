//! How long to wait before the next try.

use std::time::Duration;

/// Doubles from the first wait to the longest, with a part left to chance, so that a
/// thousand agents do not come at once.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            next: first,
        }
    }

    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }

    /// From half of the next wait to all of it.
    pub(super) fn next(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.longest);
        let [chance] = crate::random::bytes::<1>();
        wait / 2 + wait / 2 * u32::from(chance) / 255
    }
}
