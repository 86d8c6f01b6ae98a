//! Passes that stand in the record: the first in an hour of each principal and
//! image, with what it would have been denied for.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use prometheus_client::metrics::counter::Counter;

use crate::gate::pull::Client;
use crate::memory::{BoundedMemory, GetOrInsert, HeapSize, Validity};
use crate::trust::{DenialReason, Subject, Verdict, WorkloadLocation};

/// A pass is recorded once in this long.
const PASS_WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// More than one request may be older than another that is answered first.
const REORDER_TOLERANCE: SignedDuration = SignedDuration::from_mins(1);

/// What makes two passes the same: also what they would be denied for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(in crate::gate) struct PassKey {
    principal: Arc<str>,
    /// Of a cluster, where it was asked for there.
    namespace: Option<Arc<str>>,
    subject: Subject,
    lifted: Box<[DenialReason]>,
}

impl PassKey {
    /// Allocates nothing where nothing is lifted.
    pub(in crate::gate) fn new(
        client: &Client,
        place: Option<&WorkloadLocation>,
        verdict: &Verdict,
    ) -> Self {
        let denials = verdict.denials().iter();
        Self {
            principal: client.principal.shared_name(),
            namespace: place.map(|place| place.namespace.clone()),
            subject: verdict.subject().clone(),
            lifted: denials.map(|denial| denial.reason).collect(),
        }
    }
}

/// A pass that stands in the record.
struct RecordedPass {
    /// When it was last given, in seconds since the epoch.
    last: AtomicI64,
    /// The metric that counts every time.
    counted: Counter,
}

impl RecordedPass {
    fn give(&self, now: Timestamp) {
        self.last.store(now.as_second(), Ordering::Relaxed);
        self.counted.inc();
    }
}

/// The passes of the last hour. One that was pushed out is recorded again when
/// it is next given.
pub(in crate::gate) struct RecordedPasses(BoundedMemory<PassKey, Arc<RecordedPass>>);

impl RecordedPasses {
    /// None; at most `limit` bytes of them.
    pub(in crate::gate) fn new(limit: u64) -> Self {
        Self(BoundedMemory::new(limit))
    }

    /// Whether this pass stands in the record; if so it is counted. Memory only.
    pub(in crate::gate) fn repeated(&self, key: &PassKey, now: Timestamp) -> bool {
        let pass = self.0.get(key, now);
        pass.inspect(|pass| pass.give(now)).is_some()
    }

    /// Counts a pass. Whether it is the first of its hour, and is to be recorded.
    pub(in crate::gate) fn enter(&self, key: PassKey, counted: Counter, now: Timestamp) -> bool {
        let pass = Arc::new(RecordedPass {
            last: AtomicI64::new(now.as_second()),
            counted,
        });
        let hour = Validity::lasting(now, PASS_WINDOW).begun_earlier(REORDER_TOLERANCE);
        match self.0.get_or_insert(key, pass.clone(), hour, now, |_| true) {
            GetOrInsert::Existing(before) => before.give(now),
            GetOrInsert::Inserted(_) => {
                pass.counted.inc();
                return true;
            }
        }
        false
    }

    /// What was pulled since `moment`.
    pub(in crate::gate) fn pulled_since(&self, moment: Timestamp) -> Vec<Subject> {
        let mut pulled = Vec::new();
        self.0.for_each(|key, pass| {
            if pass.last.load(Ordering::Relaxed) >= moment.as_second() {
                pulled.push(key.subject.clone());
            }
        });
        pulled
    }

    /// Forgets those whose hour is over.
    pub(in crate::gate) fn remove_expired(&self, now: Timestamp) {
        self.0.remove_expired(now);
    }
}

impl HeapSize for PassKey {
    fn heap_size(&self) -> usize {
        let client = self.principal.heap_size() + self.namespace.heap_size();
        client + self.subject.heap_size() + self.lifted.heap_size()
    }
}

impl HeapSize for RecordedPass {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{Digest, Repository};
    use crate::trust::EnvironmentName;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn key(number: u32) -> PassKey {
        let subject = Subject {
            environment: EnvironmentName::parse("production").unwrap(),
            repository: Repository::parse("registry.corp/team/app").unwrap(),
            digest: Digest::sha256(&number.to_be_bytes()),
        };
        PassKey {
            principal: "node".into(),
            namespace: None,
            subject,
            lifted: Box::default(),
        }
    }

    #[test]
    fn a_pass_is_recorded_once_an_hour_and_does_not_hold_long_before_it_was_given() {
        let passes = RecordedPasses::new(1 << 20);
        for (second, is_first) in [(100, true), (3699, false), (3700, true), (99, true)] {
            assert_eq!(passes.repeated(&key(1), at(second)), !is_first);
            let entered = passes.enter(key(1), Counter::default(), at(second));
            assert_eq!(entered, is_first, "at {second}");
        }
        passes.remove_expired(at(99 + 3600));
        assert_eq!(passes.pulled_since(at(0)), []);
    }

    /// No cliff: what is pulled most stays, however many others come.
    #[test]
    fn passes_are_bounded_in_bytes_and_the_least_recently_given_are_recorded_again() {
        const LIMIT: u64 = 64 << 10;
        let passes = RecordedPasses::new(LIMIT);
        assert!(passes.enter(key(0), Counter::default(), at(0)));
        for number in 1..1000 {
            assert!(passes.enter(key(number), Counter::default(), at(1)));
            assert!(passes.repeated(&key(number), at(1)));
            assert!(passes.repeated(&key(0), at(1)));
            assert!(passes.0.bytes() <= LIMIT);
        }
        assert!(passes.enter(key(1), Counter::default(), at(2)));
        assert!(passes.pulled_since(at(2)).contains(&key(1).subject));
    }
}
