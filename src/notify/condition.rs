//! How messages to each target went last, for people.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::error::SendError;
use super::group::later;

/// How one target is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetCondition {
    /// Things that messages tell of which are not sent yet.
    pub waiting: u64,
    /// When it was last sent something, with the status of its answer or why there was none.
    pub last: Option<(Timestamp, Result<u16, SendError>)>,
}

/// No target is left alone for longer, whatever it asks.
pub(super) const MAX_PAUSE: SignedDuration = SignedDuration::from_mins(15);

#[derive(Default)]
struct KnownTarget {
    condition: TargetCondition,
    /// As it asked.
    rests_until: Option<Timestamp>,
}

/// By the target's name; as many as are configured.
#[derive(Default)]
pub(super) struct Conditions(Mutex<BTreeMap<String, KnownTarget>>);

impl Conditions {
    pub(super) fn of(&self, target: &str) -> TargetCondition {
        let all = self.lock();
        let known = all.get(target).map(|it| it.condition.clone());
        known.unwrap_or_default()
    }

    pub(super) fn note(&self, target: &str, now: Timestamp, outcome: &Result<u16, SendError>) {
        let mut all = self.lock();
        let known = all.entry(target.to_owned()).or_default();
        known.condition.last = Some((now, outcome.clone()));
        known.rests_until = match outcome {
            Err(SendError::Busy { seconds, .. }) => Some(later(now, asked_pause(*seconds))),
            _ => None,
        };
    }

    /// Whether it asked to be left alone, and that is not over. A longer time than any was
    /// counted by a clock that has been set back since.
    pub(super) fn rests(&self, target: &str, now: Timestamp) -> bool {
        let all = self.lock();
        let until = all.get(target).and_then(|it| it.rests_until);
        until.is_some_and(|until| now < until && until <= later(now, MAX_PAUSE))
    }

    pub(super) fn set_waiting(&self, target: &str, waiting: u64) {
        let mut all = self.lock();
        let known = all.entry(target.to_owned()).or_default();
        known.condition.waiting = waiting;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, KnownTarget>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a target asks for, within bounds.
pub(super) fn asked_pause(seconds: u64) -> SignedDuration {
    let asked = i64::try_from(seconds).unwrap_or(i64::MAX);
    SignedDuration::from_secs(asked).min(MAX_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_asks_for_it_rests_and_no_longer_than_others_wait() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let conditions = Conditions::default();
        let asked = |seconds| {
            let busy = SendError::Busy {
                status: 429,
                seconds,
            };
            conditions.note("busy", at(1000), &Err(busy));
        };
        asked(30);
        assert!(conditions.rests("busy", at(1029)) && !conditions.rests("busy", at(1030)));
        assert!(!conditions.rests("other", at(1000)));
        asked(u64::MAX);
        let end = 1000 + MAX_PAUSE.as_secs();
        assert!(conditions.rests("busy", at(end - 1)) && !conditions.rests("busy", at(end)));
        assert!(!conditions.rests("busy", at(5)), "the clock was set back");
        conditions.note("busy", at(1001), &Ok(200));
        assert!(!conditions.rests("busy", at(1002)));
    }
}
