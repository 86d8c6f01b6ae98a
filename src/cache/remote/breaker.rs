//! Leaves the store alone for a while when it keeps failing, so that a dead one costs
//! nothing: pulls go to the upstream at once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::RemoteError;

/// Failures in a row after which it is left alone.
const AFTER_FAILURES: u32 = 3;
/// For how long at first; it doubles each time.
const FIRST_REST: Duration = Duration::from_secs(2);
const LONGEST_REST: Duration = Duration::from_secs(30);

/// Of reading or of writing: a full store can still be read.
#[derive(Default)]
pub(super) struct Breaker(Mutex<BreakerState>);

#[derive(Default)]
struct BreakerState {
    failures: u32,
    rests: u32,
    until: Option<Instant>,
    /// Why it is left alone; stays until something goes well.
    fault: Option<RemoteError>,
}

impl Breaker {
    /// Counts a failure; one that is `plain` is enough. True where that begins a time of
    /// failing.
    pub(super) fn failed(&self, now: Instant, error: &RemoteError, plain: bool) -> bool {
        let mut state = self.lock();
        // Those that were on their way when it began are part of one failure.
        if state.until.is_some_and(|until| until > now) {
            return false;
        }
        // Credentials do not get better by trying.
        let plain = plain || matches!(error, RemoteError::Refused(_));
        state.failures += if plain { AFTER_FAILURES } else { 1 };
        if state.failures < AFTER_FAILURES {
            return false;
        }
        let rest = FIRST_REST * (1 << state.rests.min(8));
        state.until = Some(now + rest.min(LONGEST_REST));
        state.rests += 1;
        state.fault.replace(error.clone()).is_none()
    }

    /// Ends the failing. True where there was one.
    pub(super) fn went_well(&self) -> bool {
        let before = std::mem::take(&mut *self.lock());
        before.fault.is_some()
    }

    /// How long it is still left alone.
    pub(super) fn rest(&self, now: Instant) -> Option<Duration> {
        let rest = self.lock().until?.checked_duration_since(now)?;
        (!rest.is_zero()).then_some(rest)
    }

    /// Why it fails now, if it does.
    pub(super) fn fault(&self) -> Option<RemoteError> {
        self.lock().fault.clone()
    }

    fn lock(&self) -> MutexGuard<'_, BreakerState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
