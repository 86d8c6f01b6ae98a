//! Cached verdicts, and how changes invalidate them.
//!
//! A verdict rests on the evidence as it was at some `seq`. A change to what its digest
//! rests on, at a later `seq`, forgets it. The two may race: judgement reads the
//! evidence, a revocation is written, judgement then remembers a pass. So a change
//! removes nothing: it raises the *floor* of each digest that it affects, which each
//! look-up compares. A verdict older than its floor does not answer, whether it was kept
//! before the change or after.
//!
//! Floors are as many as [`FLOOR_COUNT`], whatever the ledger holds: digests whose
//! hashes fall together share one, and a change to one of them has the others
//! judged again. An environment as a whole, and the whole table (the `seq` from
//! which it was loaded), have floors of their own.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::memory::{BoundedMemory, HeapSize, Validity};
use crate::oci::Digest;
use crate::trust::{EnvironmentName, Exposure, Subject};

/// Floors of digests: half a MiB of them.
const FLOOR_COUNT: usize = 1 << 16;

/// Verdicts by subject and exposure, within a limit of bytes; the least recently
/// used go first.
pub(super) struct VerdictCache<V> {
    verdicts: BoundedMemory<VerdictKey, CachedEntry<V>>,
    /// The newest change that reached a digest, by the digest's hash.
    digests: Box<[AtomicU64]>,
    /// Newest change of an environment as a whole. Few have one.
    environments: ArcSwap<HashMap<EnvironmentName, u64>>,
    /// The change from which the index was loaded.
    loaded: u64,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct VerdictKey {
    subject: Subject,
    exposure: Exposure,
}

/// A [`VerdictKey`] that is looked for.
#[derive(Hash)]
struct VerdictKeyRef<'a> {
    subject: &'a Subject,
    exposure: Exposure,
}

#[derive(Clone)]
struct CachedEntry<V> {
    seq: u64,
    value: V,
}

impl PartialEq<VerdictKey> for VerdictKeyRef<'_> {
    fn eq(&self, key: &VerdictKey) -> bool {
        *self.subject == key.subject && self.exposure == key.exposure
    }
}

impl HeapSize for VerdictKey {
    fn heap_size(&self) -> usize {
        self.subject.heap_size()
    }
}

impl<V: HeapSize> HeapSize for CachedEntry<V> {
    fn heap_size(&self) -> usize {
        self.value.heap_size()
    }
}

impl<V: Clone + HeapSize> VerdictCache<V> {
    /// An empty table of `limit` bytes at most, for verdicts that rest on the
    /// change `loaded` or a later one.
    pub fn new(limit: u64, loaded: u64) -> Self {
        Self {
            verdicts: BoundedMemory::new(limit),
            digests: (0..FLOOR_COUNT).map(|_| AtomicU64::new(0)).collect(),
            environments: ArcSwap::default(),
            loaded,
        }
    }

    /// The oldest change that a verdict on `subject` may rest on.
    fn floor(&self, subject: &Subject) -> u64 {
        let own = self.floor_of(&subject.digest).load(Ordering::Acquire);
        let environments = self.environments.load();
        let all = environments.get(&subject.environment).copied();
        own.max(all.unwrap_or_default()).max(self.loaded)
    }

    fn floor_of(&self, digest: &Digest) -> &AtomicU64 {
        let mut hasher = DefaultHasher::new();
        digest.hash(&mut hasher);
        let at = hasher.finish() % self.digests.len() as u64;
        &self.digests[usize::try_from(at).unwrap_or_default()]
    }

    /// The verdict that was kept, if it holds at `now` and nothing has changed
    /// since what it rests on.
    pub fn get(&self, subject: &Subject, exposure: Exposure, now: Timestamp) -> Option<V> {
        let entry = self
            .verdicts
            .get(&VerdictKeyRef { subject, exposure }, now)?;
        (entry.seq >= self.floor(subject)).then_some(entry.value)
    }

    /// Whether it was taken: not when evidence has changed since `seq`.
    pub fn insert(
        &self,
        subject: &Subject,
        exposure: Exposure,
        (seq, validity): (u64, Validity),
        value: V,
    ) -> bool {
        if seq < self.floor(subject) {
            return false;
        }
        let subject = subject.clone();
        let entry = CachedEntry { seq, value };
        self.verdicts
            .insert(VerdictKey { subject, exposure }, entry, validity);
        true
    }

    /// Evidence on `digest` changed at `seq`.
    pub fn touch(&self, digest: &Digest, seq: u64) {
        self.floor_of(digest).fetch_max(seq, Ordering::AcqRel);
    }

    /// Something that holds for a whole environment changed at `seq`.
    pub fn touch_environment(&self, environment: &EnvironmentName, seq: u64) {
        self.environments.rcu(|floors| {
            let mut raised = HashMap::clone(floors);
            let floor = raised.entry(environment.clone()).or_default();
            *floor = seq.max(*floor);
            raised
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Repository;

    const LIMIT: u64 = 1 << 20;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn subject(digest: &Digest) -> Subject {
        Subject {
            environment: EnvironmentName::parse("production").unwrap(),
            repository: Repository::parse("docker.io/library/nginx").unwrap(),
            digest: digest.clone(),
        }
    }

    const EXTERNAL: Exposure = Exposure::External;

    fn keep(verdicts: &VerdictCache<String>, it: &Subject, seq: u64, value: &str) -> bool {
        let resting = (seq, Validity::until(at(0), None));
        verdicts.insert(it, EXTERNAL, resting, value.to_owned())
    }

    fn get(verdicts: &VerdictCache<String>, it: &Subject) -> Option<String> {
        verdicts.get(it, EXTERNAL, at(1))
    }

    fn found(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    #[test]
    fn a_later_change_forgets() {
        let verdicts = VerdictCache::new(LIMIT, 0);
        let it = subject(&Digest::sha256(b"x"));
        assert!(keep(&verdicts, &it, 5, "passed"));
        verdicts.touch(&it.digest, 5);
        assert_eq!(get(&verdicts, &it), found("passed"));
        verdicts.touch(&it.digest, 6);
        assert_eq!(get(&verdicts, &it), None);
        verdicts.touch(&it.digest, 4);
        assert_eq!(get(&verdicts, &it), None);
    }

    #[test]
    fn remember_after_revocation_is_refused() {
        let verdicts = VerdictCache::new(LIMIT, 0);
        let it = subject(&Digest::sha256(b"x"));
        verdicts.touch(&it.digest, 6);
        assert!(!keep(&verdicts, &it, 5, "passed"));
        assert_eq!(get(&verdicts, &it), None);
        assert!(keep(&verdicts, &it, 6, "denied"));
    }

    #[test]
    fn what_is_older_than_the_table_is_refused() {
        let verdicts = VerdictCache::new(LIMIT, 7);
        let it = subject(&Digest::sha256(b"x"));
        assert!(!keep(&verdicts, &it, 6, "passed"));
    }

    #[test]
    fn a_changed_environment_forgets_its_own_and_refuses_what_is_older() {
        let verdicts = VerdictCache::new(LIMIT, 0);
        let it = subject(&Digest::sha256(b"x"));
        let staging = Subject {
            environment: EnvironmentName::parse("staging").unwrap(),
            ..it.clone()
        };
        assert!(keep(&verdicts, &it, 5, "passed"));
        assert!(keep(&verdicts, &staging, 5, "passed"));
        let bytes = verdicts.verdicts.bytes();
        verdicts.touch_environment(&it.environment, 6);
        assert_eq!(get(&verdicts, &it), None);
        assert!(!keep(&verdicts, &it, 5, "passed"));
        assert_eq!(get(&verdicts, &staging), found("passed"));
        assert!(keep(&verdicts, &it, 6, "denied"));
        verdicts.touch_environment(&it.environment, 4);
        assert_eq!(get(&verdicts, &it), found("denied"));
        assert_eq!(
            verdicts.verdicts.bytes(),
            bytes,
            "what does not answer is replaced"
        );
    }

    #[test]
    fn exposures_environments_and_repositories_are_apart() {
        let verdicts = VerdictCache::new(LIMIT, 0);
        let it = subject(&Digest::sha256(b"x"));
        keep(&verdicts, &it, 1, "passed");
        assert_eq!(verdicts.get(&it, Exposure::Internal, at(1)), None);
        let elsewhere = Subject {
            repository: Repository::parse("docker.io/library/redis").unwrap(),
            ..it.clone()
        };
        assert_eq!(get(&verdicts, &elsewhere), None);
        let staging = Subject {
            environment: EnvironmentName::parse("staging").unwrap(),
            ..it
        };
        assert_eq!(get(&verdicts, &staging), None);
    }

    #[test]
    fn a_verdict_holds_for_its_own_time_and_not_before_it() {
        let verdicts = VerdictCache::new(LIMIT, 0);
        let it = subject(&Digest::sha256(b"x"));
        let resting = (1, Validity::until(at(10), Some(at(20))));
        assert!(verdicts.insert(&it, EXTERNAL, resting, "passed".to_owned()));
        for (second, holds) in [(9, false), (10, true), (19, true), (20, false)] {
            let found = verdicts.get(&it, EXTERNAL, at(second));
            assert_eq!(found.is_some(), holds, "at {second}");
        }
    }

    /// Verdicts that a change forgot take no newer one's place: they are unused,
    /// and go first.
    #[test]
    fn the_least_recently_used_makes_room_within_a_limit_of_bytes() {
        const SMALL: u64 = 64 << 10;
        let verdicts = VerdictCache::new(SMALL, 0);
        let subjects: Vec<Subject> = (0..1000_u32)
            .map(|number| subject(&Digest::sha256(&number.to_be_bytes())))
            .collect();
        assert!(keep(&verdicts, &subjects[0], 1, "passed"));
        for (number, it) in subjects.iter().enumerate().skip(1) {
            assert!(keep(&verdicts, it, 1, "passed"));
            assert_eq!(get(&verdicts, it), found("passed"));
            assert_eq!(get(&verdicts, &subjects[0]), found("passed"), "{number}");
            assert!(verdicts.verdicts.bytes() <= SMALL);
        }
        assert_eq!(get(&verdicts, &subjects[1]), None);
    }

    /// What stays of a change is its floor, whatever number of digests it reaches.
    #[test]
    fn changes_to_any_number_of_digests_take_no_room() {
        let verdicts = VerdictCache::<String>::new(LIMIT, 0);
        let taken = allocation_counter::measure(|| {
            for number in 0..100_000_u32 {
                verdicts.touch(&Digest::sha256(&number.to_be_bytes()), 1);
            }
        });
        assert_eq!(taken.bytes_current, 0);
    }
}
