//! How much was pulled and denied over the last day: the counters of decisions and of the
//! cache, read once a minute. Of this process alone, and since its start.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::{CacheLabels, ContentKind, DecisionLabels, LookUp, Metrics};
use crate::trust::{DenialReason, Door, Outcome};

/// How long it is remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);
/// What is counted together.
const BUCKET: SignedDuration = SignedDuration::from_mins(1);

/// Whose decisions are counted, how they came out, and for which first reason.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActivityKey {
    pub environment: Arc<str>,
    pub verdict: ActivityVerdict,
    pub reason: Option<DenialReason>,
}

/// [`Outcome`], in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ActivityVerdict {
    Allowed,
    WouldDeny,
    BreakGlass,
    Denied,
}

/// Content that was asked for, found in the cache or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheActivity {
    pub hits: u64,
    pub misses: u64,
}

/// What happened within a minute.
#[derive(Clone, Debug)]
pub struct ActivityMinute {
    /// When it began.
    pub from: Timestamp,
    /// Only what was counted at all.
    pub decisions: BTreeMap<ActivityKey, u64>,
    pub cache: CacheActivity,
}

/// The minutes of the last day. Bounded: a minute has an entry for each environment and
/// reason at most.
pub struct Activity {
    metrics: Metrics,
    /// Every set of labels that decisions are counted under.
    labels: Vec<DecisionLabels>,
    remembered: Mutex<Remembered>,
}

#[derive(Default)]
struct Remembered {
    since: Option<Timestamp>,
    /// The counters as they were read last.
    decisions: BTreeMap<ActivityKey, u64>,
    cache: CacheActivity,
    minutes: VecDeque<ActivityMinute>,
}

impl Activity {
    /// Of these environments and upstreams.
    pub fn new(metrics: Metrics, environments: &[Arc<str>], upstreams: &[Arc<str>]) -> Self {
        Self {
            labels: labels(environments, upstreams),
            metrics,
            remembered: Mutex::default(),
        }
    }

    /// Reads the counters: what they grew by belongs to the minute of `now`.
    pub fn sample_once(&self, now: Timestamp) {
        let (decisions, cache) = (self.decisions(), self.cache());
        let mut remembered = self.remembered();
        if remembered.since.is_none() {
            remembered.since = Some(now);
            (remembered.decisions, remembered.cache) = (decisions, cache);
            return;
        }
        remembered.add(now, decisions, cache);
        remembered.forget(now);
    }

    /// Since when it counts; `None`: it never did.
    pub fn since(&self) -> Option<Timestamp> {
        self.remembered().since
    }

    /// The minutes from that time on, the oldest first; those in which nothing happened are
    /// left out.
    pub fn minutes_since(&self, since: Timestamp) -> Vec<ActivityMinute> {
        let remembered = self.remembered();
        let minutes = remembered.minutes.iter();
        minutes.filter(|it| it.from >= since).cloned().collect()
    }

    fn decisions(&self) -> BTreeMap<ActivityKey, u64> {
        let mut counts = BTreeMap::new();
        for labels in &self.labels {
            let Some(counter) = self.metrics.decisions.get(labels) else {
                continue;
            };
            let key = ActivityKey {
                environment: labels.environment.clone(),
                verdict: labels.verdict.into(),
                reason: labels.reason,
            };
            *counts.entry(key).or_default() += counter.get();
        }
        counts
    }

    fn cache(&self) -> CacheActivity {
        let mut activity = CacheActivity::default();
        for &kind in ContentKind::ALL {
            for &result in LookUp::ALL {
                let labels = CacheLabels { kind, result };
                let counter = self.metrics.cache_requests.get(&labels);
                let count = counter.map_or(0, |it| it.get());
                match result {
                    LookUp::Hit => activity.hits += count,
                    LookUp::Miss => activity.misses += count,
                }
            }
        }
        activity
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remembered {
    fn add(&mut self, now: Timestamp, decisions: BTreeMap<ActivityKey, u64>, cache: CacheActivity) {
        let grown = |key: &ActivityKey, count: &u64| {
            let before = self.decisions.get(key).copied().unwrap_or_default();
            count.saturating_sub(before)
        };
        let new = decisions
            .iter()
            .map(|(key, count)| (key.clone(), grown(key, count)));
        let new: Vec<(ActivityKey, u64)> = new.filter(|(_, count)| *count > 0).collect();
        let of_cache = CacheActivity {
            hits: cache.hits.saturating_sub(self.cache.hits),
            misses: cache.misses.saturating_sub(self.cache.misses),
        };
        (self.decisions, self.cache) = (decisions, cache);
        if new.is_empty() && of_cache == CacheActivity::default() {
            return;
        }
        let minute = self.minute(beginning(now));
        for (key, count) in new {
            *minute.decisions.entry(key).or_default() += count;
        }
        minute.cache.hits += of_cache.hits;
        minute.cache.misses += of_cache.misses;
    }

    /// The newest one, which is that of `from`, or of a clock that was set back.
    fn minute(&mut self, from: Timestamp) -> &mut ActivityMinute {
        if self.minutes.back().is_none_or(|newest| newest.from < from) {
            self.minutes.push_back(ActivityMinute {
                from,
                decisions: BTreeMap::new(),
                cache: CacheActivity::default(),
            });
        }
        let newest = self.minutes.len() - 1;
        &mut self.minutes[newest]
    }

    fn forget(&mut self, now: Timestamp) {
        let oldest = now.checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
        while self.minutes.front().is_some_and(|it| it.from < oldest) {
            self.minutes.pop_front();
        }
    }
}

/// Of the minute that `now` lies in.
fn beginning(now: Timestamp) -> Timestamp {
    let bucket = BUCKET.as_secs();
    let second = now.as_second().div_euclid(bucket) * bucket;
    Timestamp::from_second(second).unwrap_or(now)
}

fn labels(environments: &[Arc<str>], upstreams: &[Arc<str>]) -> Vec<DecisionLabels> {
    let nameless: Arc<str> = Arc::from("");
    let upstreams = upstreams.iter().chain(std::iter::once(&nameless));
    let reasons = DenialReason::ALL.map(Some);
    let mut labels = Vec::new();
    for upstream in upstreams {
        for environment in environments {
            for door in Door::ALL {
                for verdict in Outcome::ALL {
                    for reason in reasons.into_iter().chain([None]) {
                        labels.push(DecisionLabels {
                            door,
                            environment: environment.clone(),
                            upstream: upstream.clone(),
                            verdict,
                            reason,
                        });
                    }
                }
            }
        }
    }
    labels
}

impl From<Outcome> for ActivityVerdict {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Allowed => Self::Allowed,
            Outcome::WouldDeny => Self::WouldDeny,
            Outcome::BreakGlass => Self::BreakGlass,
            Outcome::Denied => Self::Denied,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity() -> Activity {
        let names = |name: &str| vec![Arc::from(name)];
        Activity::new(
            Metrics::new(),
            &names("production"),
            &names("registry.corp"),
        )
    }

    fn count(activity: &Activity, upstream: &str, reason: Option<DenialReason>) {
        let labels = DecisionLabels {
            door: Door::Registry,
            environment: Arc::from("production"),
            upstream: Arc::from(upstream),
            verdict: reason.map_or(Outcome::Allowed, |_| Outcome::Denied),
            reason,
        };
        activity
            .metrics
            .decisions
            .get_or_create_owned(&labels)
            .inc();
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    #[test]
    fn what_was_counted_before_it_began_is_no_activity() {
        let activity = activity();
        count(&activity, "registry.corp", None);
        activity.sample_once(at(0));
        assert_eq!(activity.since(), Some(at(0)));
        activity.sample_once(at(1));
        assert!(activity.minutes_since(at(0)).is_empty());
    }

    #[test]
    fn a_minute_has_what_was_decided_within_it() {
        let activity = activity();
        activity.sample_once(at(0));
        count(&activity, "registry.corp", None);
        count(&activity, "", Some(DenialReason::UnknownUpstream));
        activity.sample_once(at(1));
        count(&activity, "registry.corp", None);
        activity.sample_once(at(1) + SignedDuration::from_secs(30));
        activity.sample_once(at(5));
        let minutes = activity.minutes_since(at(0));
        assert_eq!(minutes.len(), 1);
        let counts: Vec<u64> = minutes[0].decisions.values().copied().collect();
        assert_eq!((minutes[0].from, counts), (at(1), vec![2, 1]));
    }

    #[test]
    fn a_day_is_remembered_and_no_more() {
        let activity = activity();
        activity.sample_once(at(0));
        for minute in 1..3000 {
            count(&activity, "registry.corp", None);
            activity.sample_once(at(minute));
        }
        let minutes = activity.minutes_since(Timestamp::MIN);
        assert_eq!(minutes.len(), 24 * 60 + 1);
    }
}
