//! What may make room for what.
//!
//! Content goes in the order in which it was pulled last, and what was only passed as if
//! it had been pulled a week earlier. Nothing that counts as older pushes out what counts
//! as newer. Environments that keep content have equal shares of the cache: what one of
//! them pulled within a week stays while it has no more than its share, whatever others
//! pull; only what was passed gives way to what is admitted.

use std::collections::HashMap;

use super::file_store::Candidate;
use super::holder::{ContentUse, HeldAs};
use crate::trust::EnvironmentName;

/// How much longer admitted content is kept than what was only passed, and how long a
/// share protects what was pulled: a week, in seconds.
pub(super) const WEEK: i64 = 7 * 24 * 60 * 60;

/// Bytes that each environment keeps; `None`: of none that is known.
pub(super) type Usage = HashMap<Option<EnvironmentName>, u64>;

/// The rules of one round of eviction.
pub(super) struct EvictionRules<'a> {
    /// `None`: the bounds themselves want it, so that anything may go.
    requester: Option<&'a ContentUse>,
    usage: Usage,
    /// Of each environment, in bytes.
    share: u64,
}

impl<'a> EvictionRules<'a> {
    pub(super) fn new(requester: Option<&'a ContentUse>, usage: Usage, capacity: u64) -> Self {
        let share = share(&usage, requester.map(|it| &it.holder.environment), capacity);
        Self {
            requester,
            usage,
            share,
        }
    }

    /// What goes first.
    pub(super) fn sort(candidates: &mut [Candidate]) {
        candidates.sort_unstable_by(|a, b| (weight(a), &a.digest).cmp(&(weight(b), &b.digest)));
    }

    pub(super) fn permits(&self, candidate: &Candidate) -> bool {
        let Some(ContentUse { holder, now }) = self.requester else {
            return true;
        };
        let now = now.as_second();
        let is_own = environment(candidate) == Some(&holder.environment);
        match holder.held_as {
            HeldAs::Admitted => {
                is_own || is_passed(candidate) || !self.is_protected(candidate, now)
            }
            HeldAs::Passed => {
                weight(candidate) <= now && (is_own || !self.is_protected(candidate, now))
            }
        }
    }

    fn is_protected(&self, candidate: &Candidate, now: i64) -> bool {
        let Some(holder) = &candidate.holder else {
            return false;
        };
        let kept = self.usage.get(&Some(holder.environment.clone()));
        let within_share = kept.is_some_and(|kept| *kept <= self.share);
        within_share && now < candidate.pulled.saturating_add(WEEK)
    }

    pub(super) fn gone(&mut self, candidate: &Candidate) {
        let of = environment(candidate).cloned();
        if let Some(kept) = self.usage.get_mut(&of) {
            *kept = kept.saturating_sub(candidate.size);
        }
    }
}

/// The part of `capacity` that each environment has, one that comes now among them.
pub(super) fn share(usage: &Usage, comes: Option<&EnvironmentName>, capacity: u64) -> u64 {
    let known = usage.keys().flatten().filter(|name| Some(*name) != comes);
    let environments = known.count() as u64 + u64::from(comes.is_some());
    capacity / environments.max(1)
}

/// The moment that it counts as pulled at, for what is admitted a week late.
fn weight(candidate: &Candidate) -> i64 {
    match is_passed(candidate) {
        true => candidate.pulled,
        false => candidate.pulled.saturating_add(WEEK),
    }
}

fn is_passed(candidate: &Candidate) -> bool {
    let holder = candidate.holder.as_ref();
    holder.is_some_and(|holder| holder.held_as == HeldAs::Passed)
}

fn environment(candidate: &Candidate) -> Option<&EnvironmentName> {
    candidate.holder.as_ref().map(|holder| &holder.environment)
}
