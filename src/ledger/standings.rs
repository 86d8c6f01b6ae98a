//! Remembered verdicts, and the rule by which a change forgets them.
//!
//! A verdict rests on the evidence as it was at some `seq`. A change to what its
//! digest rests on, at a later `seq`, forgets it. The two may race: judgement
//! reads the evidence, a revocation is written, judgement then remembers a pass.
//! So a change removes nothing: it raises the *floor* of each digest that it
//! reaches, and whoever looks a verdict up compares. A verdict older than its
//! floor does not answer, whether it was kept before the change or after.
//!
//! Floors are as many as [`FLOORS`], whatever the ledger holds: digests whose
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
const FLOORS: usize = 1 << 16;

/// Verdicts by subject and exposure, within a limit of bytes; the least recently
/// used go first.
pub(super) struct Standings<V> {
    verdicts: BoundedMemory<Key, Kept<V>>,
    /// The newest change that reached a digest, by the digest's hash.
    digests: Box<[AtomicU64]>,
    /// Newest change of an environment as a whole. Few have one.
    environments: ArcSwap<HashMap<EnvironmentName, u64>>,
    /// The change from which the index was loaded.
    loaded: u64,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    subject: Subject,
    exposure: Exposure,
}

/// A [`Key`] that is looked for.
#[derive(Hash)]
struct Wanted<'a> {
    subject: &'a Subject,
    exposure: Exposure,
}

#[derive(Clone)]
struct Kept<V> {
    seq: u64,
    value: V,
}

impl PartialEq<Key> for Wanted<'_> {
    fn eq(&self, key: &Key) -> bool {
        *self.subject == key.subject && self.exposure == key.exposure
    }
}

impl HeapSize for Key {
    fn heap_size(&self) -> usize {
        self.subject.heap_size()
    }
}

impl<V: HeapSize> HeapSize for Kept<V> {
    fn heap_size(&self) -> usize {
        self.value.heap_size()
    }
}

impl<V: Clone + HeapSize> Standings<V> {
    /// An empty table of `limit` bytes at most, for verdicts that rest on the
    /// change `loaded` or a later one.
    pub fn new(limit: u64, loaded: u64) -> Self {
        Self {
            verdicts: BoundedMemory::new(limit),
            digests: (0..FLOORS).map(|_| AtomicU64::new(0)).collect(),
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
        let kept = self.verdicts.get(&Wanted { subject, exposure }, now)?;
        (kept.seq >= self.floor(subject)).then_some(kept.value)
    }

    /// Whether it was taken: not when evidence has changed since `seq`.
    pub fn keep(
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
        let kept = Kept { seq, value };
        self.verdicts
            .insert(Key { subject, exposure }, kept, validity);
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

    fn keep(standings: &Standings<String>, it: &Subject, seq: u64, value: &str) -> bool {
        let resting = (seq, Validity::until(at(0), None));
        standings.keep(it, EXTERNAL, resting, value.to_owned())
    }

    fn get(standings: &Standings<String>, it: &Subject) -> Option<String> {
        standings.get(it, EXTERNAL, at(1))
    }

    fn found(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    #[test]
    fn a_later_change_forgets() {
        let standings = Standings::new(LIMIT, 0);
        let it = subject(&Digest::sha256(b"x"));
        assert!(keep(&standings, &it, 5, "passed"));
        standings.touch(&it.digest, 5);
        assert_eq!(get(&standings, &it), found("passed"));
        standings.touch(&it.digest, 6);
        assert_eq!(get(&standings, &it), None);
        standings.touch(&it.digest, 4);
        assert_eq!(get(&standings, &it), None);
    }

    #[test]
    fn remember_after_revocation_is_refused() {
        let standings = Standings::new(LIMIT, 0);
        let it = subject(&Digest::sha256(b"x"));
        standings.touch(&it.digest, 6);
        assert!(!keep(&standings, &it, 5, "passed"));
        assert_eq!(get(&standings, &it), None);
        assert!(keep(&standings, &it, 6, "denied"));
    }

    #[test]
    fn what_is_older_than_the_table_is_refused() {
        let standings = Standings::new(LIMIT, 7);
        let it = subject(&Digest::sha256(b"x"));
        assert!(!keep(&standings, &it, 6, "passed"));
    }

    #[test]
    fn a_changed_environment_forgets_its_own_and_refuses_what_is_older() {
        let standings = Standings::new(LIMIT, 0);
        let it = subject(&Digest::sha256(b"x"));
        let staging = Subject {
            environment: EnvironmentName::parse("staging").unwrap(),
            ..it.clone()
        };
        assert!(keep(&standings, &it, 5, "passed"));
        assert!(keep(&standings, &staging, 5, "passed"));
        let bytes = standings.verdicts.bytes();
        standings.touch_environment(&it.environment, 6);
        assert_eq!(get(&standings, &it), None);
        assert!(!keep(&standings, &it, 5, "passed"));
        assert_eq!(get(&standings, &staging), found("passed"));
        assert!(keep(&standings, &it, 6, "denied"));
        standings.touch_environment(&it.environment, 4);
        assert_eq!(get(&standings, &it), found("denied"));
        assert_eq!(
            standings.verdicts.bytes(),
            bytes,
            "what does not answer is replaced"
        );
    }

    #[test]
    fn exposures_environments_and_repositories_are_apart() {
        let standings = Standings::new(LIMIT, 0);
        let it = subject(&Digest::sha256(b"x"));
        keep(&standings, &it, 1, "passed");
        assert_eq!(standings.get(&it, Exposure::Internal, at(1)), None);
        let elsewhere = Subject {
            repository: Repository::parse("docker.io/library/redis").unwrap(),
            ..it.clone()
        };
        assert_eq!(get(&standings, &elsewhere), None);
        let staging = Subject {
            environment: EnvironmentName::parse("staging").unwrap(),
            ..it
        };
        assert_eq!(get(&standings, &staging), None);
    }

    #[test]
    fn a_verdict_holds_for_its_own_time_and_not_before_it() {
        let standings = Standings::new(LIMIT, 0);
        let it = subject(&Digest::sha256(b"x"));
        let resting = (1, Validity::until(at(10), Some(at(20))));
        assert!(standings.keep(&it, EXTERNAL, resting, "passed".to_owned()));
        for (second, holds) in [(9, false), (10, true), (19, true), (20, false)] {
            let found = standings.get(&it, EXTERNAL, at(second));
            assert_eq!(found.is_some(), holds, "at {second}");
        }
    }

    /// Verdicts that a change forgot take no newer one's place: they are unused,
    /// and go first.
    #[test]
    fn the_least_recently_used_makes_room_within_a_limit_of_bytes() {
        const SMALL: u64 = 64 << 10;
        let standings = Standings::new(SMALL, 0);
        let subjects: Vec<Subject> = (0..1000_u32)
            .map(|number| subject(&Digest::sha256(&number.to_be_bytes())))
            .collect();
        assert!(keep(&standings, &subjects[0], 1, "passed"));
        for (number, it) in subjects.iter().enumerate().skip(1) {
            assert!(keep(&standings, it, 1, "passed"));
            assert_eq!(get(&standings, it), found("passed"));
            assert_eq!(get(&standings, &subjects[0]), found("passed"), "{number}");
            assert!(standings.verdicts.bytes() <= SMALL);
        }
        assert_eq!(get(&standings, &subjects[1]), None);
    }

    /// What stays of a change is its floor, whatever number of digests it reaches.
    #[test]
    fn changes_to_any_number_of_digests_take_no_room() {
        let standings = Standings::<String>::new(LIMIT, 0);
        let taken = allocation_counter::measure(|| {
            for number in 0..100_000_u32 {
                standings.touch(&Digest::sha256(&number.to_be_bytes()), 1);
            }
        });
        assert_eq!(taken.bytes_current, 0);
    }
}
