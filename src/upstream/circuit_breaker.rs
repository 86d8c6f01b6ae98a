//! The circuit breaker: calls to an upstream that keeps failing are refused for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::metrics::UpstreamCause;

use super::{CoolDown, UpstreamError};

/// Counts failures in a row, and holds the end of the cool-down.
pub(super) struct CircuitBreaker {
    cool_down: CoolDown,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failures: u32,
    until: Option<Instant>,
}

impl CircuitBreaker {
    pub(super) fn new(cool_down: CoolDown) -> Self {
        let state = Mutex::default();
        Self { cool_down, state }
    }

    /// Fails fast while the upstream is left alone.
    pub(super) fn check(&self, now: Instant) -> Result<(), UpstreamError> {
        match self.rest(now) {
            Some(rest) => Err(UpstreamError::Unavailable {
                cause: UpstreamCause::LeftAlone,
                retry_after: Some(rest),
                detail: "it is left alone after repeated failures".into(),
            }),
            None => Ok(()),
        }
    }

    pub(super) fn succeeded(&self) {
        *self.lock() = State::default();
    }

    /// Counts a failure; after enough of them in a row a cool-down begins, and
    /// each further one, when that is over, doubles it.
    pub(super) fn failed(&self, now: Instant, retry_after: Option<Duration>) {
        let policy = self.cool_down;
        let mut state = self.lock();
        // Those that were on their way when it began are part of one failure.
        if state.until.is_some_and(|until| until > now) {
            return;
        }
        state.failures = state.failures.saturating_add(1);
        let Some(beyond) = state.failures.checked_sub(policy.after) else {
            return;
        };
        let doubled = policy.first.saturating_mul(1 << beyond.min(16));
        let rest = doubled.max(retry_after.unwrap_or_default()).min(policy.max);
        state.until = Some(now + rest);
    }

    /// How long the upstream is left alone, if it is.
    pub(super) fn rest(&self, now: Instant) -> Option<Duration> {
        let rest = self.lock().until?.duration_since(now);
        (!rest.is_zero()).then_some(rest)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rest(health: &CircuitBreaker, now: Instant) -> Option<Duration> {
        health.check(now).err()?.retry_after()
    }

    fn health() -> CircuitBreaker {
        CircuitBreaker::new(CoolDown {
            after: 2,
            first: SECOND,
            max: 5 * SECOND,
        })
    }

    #[test]
    fn rests_longer_with_each_failure_up_to_a_bound() {
        let (health, mut now) = (health(), Instant::now());
        for expected in [None, Some(1), Some(2), Some(4), Some(5), Some(5)] {
            health.failed(now, None);
            assert_eq!(rest(&health, now), expected.map(Duration::from_secs));
            now += 5 * SECOND;
            assert_eq!(rest(&health, now), None);
        }
    }

    #[test]
    fn honours_what_the_upstream_asks_within_the_bound() {
        let (health, now) = (health(), Instant::now());
        health.failed(now, Some(3 * SECOND));
        health.failed(now, Some(3 * SECOND));
        assert_eq!(rest(&health, now), Some(3 * SECOND));
        let later = now + 3 * SECOND;
        health.failed(later, Some(3600 * SECOND));
        assert_eq!(rest(&health, later), Some(5 * SECOND));
    }

    #[test]
    fn forgets_failures_after_a_success() {
        let (health, now) = (health(), Instant::now());
        health.failed(now, None);
        health.succeeded();
        health.failed(now, None);
        assert_eq!(rest(&health, now), None);
    }
}
