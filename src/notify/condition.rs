//! How messages to each target went last, for people.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::error::SendError;

/// How one target is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetCondition {
    /// Things that messages tell of which are not sent yet.
    pub waiting: u64,
    /// When it was last sent something, with the status of its answer or why there was none.
    pub last: Option<(Timestamp, Result<u16, SendError>)>,
}

/// By the target's name; as many as are configured.
#[derive(Default)]
pub(super) struct Conditions(Mutex<BTreeMap<String, TargetCondition>>);

impl Conditions {
    pub(super) fn of(&self, target: &str) -> TargetCondition {
        self.lock().get(target).cloned().unwrap_or_default()
    }

    pub(super) fn note(&self, target: &str, now: Timestamp, outcome: &Result<u16, SendError>) {
        let mut all = self.lock();
        let condition = all.entry(target.to_owned()).or_default();
        condition.last = Some((now, outcome.clone()));
    }

    pub(super) fn set_waiting(&self, target: &str, waiting: u64) {
        let mut all = self.lock();
        all.entry(target.to_owned()).or_default().waiting = waiting;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, TargetCondition>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
