//! The clock of the program: the machine's, or one that tests advance.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// How far ahead an end is, for people: whole days, or less than one.
pub fn in_days(now: Timestamp, end: Timestamp) -> String {
    match end.duration_since(now).as_hours() / 24 {
        ..=0 => "in less than a day".to_owned(),
        1 => "in 1 day".to_owned(),
        days => format!("in {days} days"),
    }
}

/// Where the program reads the time. Everything that judges gets the time as an
/// argument, and the doors and the background work get theirs here.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Milliseconds before the machine's clock; `None`: that clock itself.
    ahead_ms: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The machine's clock.
    pub const fn system() -> Self {
        Self { ahead_ms: None }
    }

    /// A clock that goes with the machine's, until it is moved on. Clones move
    /// together.
    pub fn adjustable() -> Self {
        Self {
            ahead_ms: Some(Arc::default()),
        }
    }

    pub fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        let Some(ahead) = &self.ahead_ms else {
            return now;
        };
        let ahead = SignedDuration::from_millis(ahead.load(Ordering::Relaxed));
        now.checked_add(ahead).unwrap_or(now)
    }

    /// Moves an adjustable clock on, or back; the machine's clock stays.
    pub fn advance(&self, by: SignedDuration) {
        if let Some(ahead) = &self.ahead_ms {
            let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            ahead.fetch_add(by, Ordering::Relaxed);
        }
    }
}

/// When a request came in: a door reads the clock once, and notes it in the request's
/// extensions.
#[derive(Clone, Copy, Debug)]
pub struct ReceivedAt(pub Timestamp);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_all_clones_of_an_adjustable_clock() {
        let clock = Clock::adjustable();
        let clone = clock.clone();
        clock.advance(SignedDuration::from_hours(2));
        let ahead = clone.now().duration_since(Timestamp::now());
        assert!(ahead > SignedDuration::from_mins(119), "{ahead}");
    }

    #[test]
    fn leaves_the_clock_of_the_machine_alone() {
        let clock = Clock::system();
        clock.advance(SignedDuration::from_hours(2));
        let ahead = clock.now().duration_since(Timestamp::now());
        assert!(ahead < SignedDuration::from_mins(1), "{ahead}");
    }
}
