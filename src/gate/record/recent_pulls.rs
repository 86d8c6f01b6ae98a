//! How often repositories were pulled from in the last hours, as far as the ledger's index
//! says: of each client the first pull of an image in an hour, by whichever replica.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::oci::{ImageRef, RegistryHost, Repository};
use crate::trust::{Decision, Door, EnvironmentName, Outcome};

/// Pulls of so many seconds are counted together.
const STEP_SECONDS: i64 = 600;
/// Counts that are kept, at most: some megabytes.
const MAX_COUNTS: usize = 50_000;

/// Pulls from one repository within a step; the oldest come first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct CountedStep {
    begin: i64,
    environment: EnvironmentName,
    repository: Repository,
}

#[derive(Default)]
pub(super) struct RecentPulls(Mutex<PullCounts>);

struct PullCounts {
    by_step: BTreeMap<CountedStep, u64>,
    /// From when on none is missing.
    complete_since: Timestamp,
}

impl Default for PullCounts {
    fn default() -> Self {
        Self {
            by_step: BTreeMap::new(),
            complete_since: Timestamp::MIN,
        }
    }
}

impl RecentPulls {
    /// Forgets all; what is noted from now on is complete from `since`.
    pub fn begin(&self, since: Timestamp) {
        *self.counts() = PullCounts {
            by_step: BTreeMap::new(),
            complete_since: since,
        };
    }

    /// Counts what let somebody pull, and nothing else.
    pub fn note(&self, decision: &Decision, default_host: &RegistryHost) {
        if decision.door != Door::Registry || decision.verdict == Outcome::Denied {
            return;
        }
        let host = decision.upstream.as_ref().unwrap_or(default_host);
        let Ok(image) = ImageRef::parse(&decision.image, host) else {
            return;
        };
        let step = CountedStep {
            begin: step_of(decision.time),
            environment: decision.environment.clone(),
            repository: image.repository().clone(),
        };
        let mut counts = self.counts();
        *counts.by_step.entry(step).or_default() += 1;
        if counts.by_step.len() > MAX_COUNTS {
            counts.forget_oldest();
        }
    }

    pub fn remove_before(&self, time: Timestamp) {
        let first = step_of(time);
        let mut counts = self.counts();
        while let Some(oldest) = counts.by_step.first_entry() {
            if oldest.key().begin >= first {
                break;
            }
            oldest.remove();
        }
    }

    /// How often each repository was pulled from in the step that holds `since`, and later,
    /// of those that `wanted` holds for.
    pub fn since(
        &self,
        since: Timestamp,
        wanted: impl Fn(&EnvironmentName, &Repository) -> bool,
    ) -> HashMap<Repository, u64> {
        let first = step_of(since);
        let mut pulls = HashMap::new();
        for (step, count) in &self.counts().by_step {
            if step.begin >= first && wanted(&step.environment, &step.repository) {
                *pulls.entry(step.repository.clone()).or_default() += count;
            }
        }
        pulls
    }

    pub fn complete_since(&self) -> Timestamp {
        self.counts().complete_since
    }

    fn counts(&self) -> MutexGuard<'_, PullCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PullCounts {
    fn forget_oldest(&mut self) {
        if let Some((oldest, _)) = self.by_step.pop_first() {
            let end = oldest.begin.saturating_add(STEP_SECONDS);
            let end = Timestamp::from_second(end).unwrap_or(Timestamp::MAX);
            self.complete_since = self.complete_since.max(end);
        }
    }
}

fn step_of(time: Timestamp) -> i64 {
    let second = time.as_second();
    second - second.rem_euclid(STEP_SECONDS)
}
