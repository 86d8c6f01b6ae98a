//! Shared work of long periods: asked for often, done seldom.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// How often it is asked for: who takes the work over, or learns after its start that it
/// has it, begins within this, and waits for no period of its own.
pub(super) const LOOK_PERIOD: Duration = Duration::from_secs(1);

/// When the work was last begun here.
#[derive(Debug)]
pub(super) struct LongPeriod {
    period: SignedDuration,
    last: Mutex<Option<Timestamp>>,
}

impl LongPeriod {
    pub(super) const fn of(period: SignedDuration) -> Self {
        Self {
            period,
            last: Mutex::new(None),
        }
    }

    /// Whether to begin at `now`, which counts as done: once in a period, where the work
    /// is this replica's. Who loses it and has it again begins anew: what others did
    /// meanwhile is not known.
    pub(super) fn begins(&self, is_ours: bool, now: Timestamp) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_ours {
            *last = None;
            return false;
        }
        let age = last.map(|last| now.duration_since(last));
        // Less than nothing: the clock was set back.
        let waits = age.is_some_and(|age| !age.is_negative() && age < self.period);
        if !waits {
            *last = Some(now);
        }
        !waits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_when_it_has_the_work_and_then_once_in_a_period() {
        let hour = SignedDuration::from_hours(1);
        let (work, start) = (LongPeriod::of(hour), Timestamp::UNIX_EPOCH);
        let minutes = |count| start + SignedDuration::from_mins(count);
        assert!(!work.begins(false, minutes(0)), "another has it");
        assert!(work.begins(true, minutes(1)), "no hour later");
        assert!(!work.begins(true, minutes(60)));
        assert!(work.begins(true, minutes(61)));
        assert!(!work.begins(false, minutes(62)));
        assert!(work.begins(true, minutes(63)), "taken over");
        assert!(work.begins(true, minutes(2)), "the clock was set back");
    }
}
