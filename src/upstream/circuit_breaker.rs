//! The circuit breaker: calls to a place that keeps failing are refused for a while.

use std::borrow::Cow;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::memory::HeapSize;

use super::CoolDown;

/// Counts failures in a row, and holds the end of the cool-down.
pub(super) struct CircuitBreaker {
    cool_down: CoolDown,
    /// Parts of the place that must have failed.
    spread: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failures: u32,
    /// Cool-downs so far.
    rests: u32,
    /// Different parts that failed, `spread` of them at most.
    parts: Vec<u64>,
    until: Option<Instant>,
    /// Why the last one failed.
    last: Cow<'static, str>,
}

/// Bytes that the words for a failure take, about.
const WORDS_BYTES: usize = 64;

impl HeapSize for CircuitBreaker {
    fn heap_size(&self) -> usize {
        self.spread * size_of::<u64>() + WORDS_BYTES
    }
}

impl CircuitBreaker {
    pub(super) fn new(cool_down: CoolDown, spread: usize) -> Self {
        Self {
            cool_down,
            spread,
            state: Mutex::default(),
        }
    }

    /// Counts a failure of a part; `None`: of the whole place. After enough of them in a
    /// row, of enough parts, a cool-down begins, and each further one, when that is over,
    /// doubles it.
    pub(super) fn failed(&self, now: Instant, retry_after: Option<Duration>, part: Option<u64>) {
        let policy = self.cool_down;
        let mut state = self.lock();
        // Those that were on their way when it began are part of one failure.
        if state.until.is_some_and(|until| until > now) {
            return;
        }
        state.failures = state.failures.saturating_add(1);
        match part {
            Some(part) if state.parts.contains(&part) => {}
            Some(part) if state.parts.len() < self.spread => state.parts.push(part),
            Some(_) => {}
            None => state.parts = (0..self.spread as u64).collect(),
        }
        if state.failures < policy.after || state.parts.len() < self.spread {
            return;
        }
        let doubled = policy.first.saturating_mul(1 << state.rests.min(16));
        let rest = doubled.max(retry_after.unwrap_or_default()).min(policy.max);
        state.rests = state.rests.saturating_add(1);
        state.until = Some(now + rest);
    }

    /// The same, with why it failed.
    pub(super) fn failed_for(
        &self,
        why: Cow<'static, str>,
        now: Instant,
        retry_after: Option<Duration>,
        part: Option<u64>,
    ) {
        self.lock().last = why;
        self.failed(now, retry_after, part);
    }

    /// Why the last failure was one.
    pub(super) fn last_failure(&self) -> Cow<'static, str> {
        self.lock().last.clone()
    }

    /// How long the place is left alone, if it is.
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

    fn breaker(spread: usize) -> CircuitBreaker {
        let cool_down = CoolDown {
            after: 2,
            first: SECOND,
            max: 5 * SECOND,
        };
        CircuitBreaker::new(cool_down, spread)
    }

    #[test]
    fn rests_longer_with_each_failure_up_to_a_bound() {
        let (breaker, mut now) = (breaker(1), Instant::now());
        for expected in [None, Some(1), Some(2), Some(4), Some(5), Some(5)] {
            breaker.failed(now, None, None);
            assert_eq!(breaker.rest(now), expected.map(Duration::from_secs));
            now += 5 * SECOND;
            assert_eq!(breaker.rest(now), None);
        }
    }

    #[test]
    fn honours_what_the_upstream_asks_within_the_bound() {
        let (breaker, now) = (breaker(1), Instant::now());
        breaker.failed(now, Some(3 * SECOND), None);
        breaker.failed(now, Some(3 * SECOND), None);
        assert_eq!(breaker.rest(now), Some(3 * SECOND));
        let later = now + 3 * SECOND;
        breaker.failed(later, Some(3600 * SECOND), None);
        assert_eq!(breaker.rest(later), Some(5 * SECOND));
    }

    #[test]
    fn rests_only_when_enough_parts_failed() {
        let (breaker, now) = (breaker(3), Instant::now());
        for part in [1, 1, 1, 2, 2] {
            breaker.failed(now, None, Some(part));
            assert_eq!(breaker.rest(now), None);
        }
        breaker.failed(now, None, Some(3));
        assert_eq!(breaker.rest(now), Some(SECOND));
    }
}
