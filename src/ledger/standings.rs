//! Remembered verdicts, and the rule by which a change forgets them.
//!
//! A verdict rests on the evidence as it was at some `seq`. A change to its
//! digest at a later `seq` forgets it. The two may race: judgement reads the
//! evidence, a revocation is written, judgement then remembers a pass. So each
//! digest has one slot that holds both its verdicts and the newest `seq` that
//! touched it, under one lock: whoever comes second sees the other. A verdict
//! older than its slot's newest change, or older than the whole table (`floor`,
//! the `seq` from which it was loaded), is not taken.
//!
//! A change to an environment concerns all digests. It raises the environment's
//! own floor, and whoever looks a verdict up compares: so nothing has to be swept,
//! and a verdict that was kept in the same moment does not answer either.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use arc_swap::ArcSwap;
use dashmap::DashMap;

use crate::oci::{Digest, Repository};
use crate::trust::{EnvironmentName, Exposure, Subject};

/// Verdicts by digest. At most `limit` are held; the oldest go first.
pub(super) struct Standings<V> {
    slots: DashMap<Digest, Slot<V>>,
    order: Mutex<VecDeque<(Subject, Exposure)>>,
    limit: usize,
    floor: u64,
    /// Newest change of an environment as a whole. Few have one.
    floors: ArcSwap<HashMap<EnvironmentName, u64>>,
}

struct Slot<V> {
    touched: u64,
    kept: Vec<Kept<V>>,
}

struct Kept<V> {
    environment: EnvironmentName,
    repository: Repository,
    exposure: Exposure,
    seq: u64,
    value: V,
}

#[derive(PartialEq, Eq)]
enum Taken {
    Stale,
    Replaced,
    Added,
}

impl<V> Default for Slot<V> {
    fn default() -> Self {
        Self {
            touched: 0,
            kept: Vec::new(),
        }
    }
}

impl<V> Kept<V> {
    fn answers(&self, subject: &Subject, exposure: Exposure) -> bool {
        self.exposure == exposure
            && self.environment == subject.environment
            && self.repository == subject.repository
    }
}

impl<V: Clone> Standings<V> {
    pub fn new(limit: usize, floor: u64) -> Self {
        Self {
            slots: DashMap::new(),
            order: Mutex::new(VecDeque::new()),
            limit,
            floor,
            floors: ArcSwap::default(),
        }
    }

    fn floor_of(&self, environment: &EnvironmentName) -> u64 {
        let raised = self.floors.load().get(environment).copied();
        raised.unwrap_or_default().max(self.floor)
    }

    pub fn get(&self, subject: &Subject, exposure: Exposure) -> Option<V> {
        let slot = self.slots.get(&subject.digest)?;
        let kept = slot
            .kept
            .iter()
            .find(|kept| kept.answers(subject, exposure))?;
        (kept.seq >= self.floor_of(&subject.environment)).then(|| kept.value.clone())
    }

    /// Whether it was taken: not when evidence has changed since `seq`.
    pub fn keep(&self, subject: &Subject, exposure: Exposure, seq: u64, value: V) -> bool {
        let kept = Kept {
            environment: subject.environment.clone(),
            repository: subject.repository.clone(),
            exposure,
            seq,
            value,
        };
        if seq < self.floor_of(&subject.environment) {
            return false;
        }
        let taken = self.take(subject, kept);
        if taken == Taken::Added {
            self.make_room(subject, exposure);
        }
        taken != Taken::Stale
    }

    fn take(&self, subject: &Subject, kept: Kept<V>) -> Taken {
        let mut slot = self.slots.entry(subject.digest.clone()).or_default();
        if kept.seq < slot.touched {
            return Taken::Stale;
        }
        let same = |old: &&mut Kept<V>| old.answers(subject, kept.exposure);
        if let Some(old) = slot.kept.iter_mut().find(same) {
            *old = kept;
            return Taken::Replaced;
        }
        slot.kept.push(kept);
        Taken::Added
    }

    /// Every verdict held has an entry in the queue, so the queue bounds them.
    fn make_room(&self, subject: &Subject, exposure: Exposure) {
        let oldest = {
            let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
            order.push_back((subject.clone(), exposure));
            (order.len() > self.limit).then(|| order.pop_front())
        };
        if let Some((subject, exposure)) = oldest.flatten()
            && let Some(mut slot) = self.slots.get_mut(&subject.digest)
        {
            slot.kept.retain(|kept| !kept.answers(&subject, exposure));
        }
    }

    /// Evidence on `digest` changed at `seq`.
    pub fn touch(&self, digest: &Digest, seq: u64) {
        let mut slot = self.slots.entry(digest.clone()).or_default();
        slot.touched = slot.touched.max(seq);
        slot.kept.retain(|kept| kept.seq >= seq);
    }

    /// Something that holds for a whole environment changed at `seq`.
    pub fn touch_environment(&self, environment: &EnvironmentName, seq: u64) {
        self.floors.rcu(|floors| {
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

    fn subject(digest: &Digest) -> Subject {
        Subject {
            environment: EnvironmentName::parse("production").unwrap(),
            repository: Repository::parse("docker.io/library/nginx").unwrap(),
            digest: digest.clone(),
        }
    }

    const EXTERNAL: Exposure = Exposure::External;

    #[test]
    fn a_later_change_forgets() {
        let standings = Standings::new(10, 0);
        let it = Digest::sha256(b"x");
        assert!(standings.keep(&subject(&it), EXTERNAL, 5, "passed"));
        standings.touch(&it, 5);
        assert_eq!(standings.get(&subject(&it), EXTERNAL), Some("passed"));
        standings.touch(&it, 6);
        assert_eq!(standings.get(&subject(&it), EXTERNAL), None);
    }

    #[test]
    fn remember_after_revocation_is_refused() {
        let standings = Standings::new(10, 0);
        let it = Digest::sha256(b"x");
        standings.touch(&it, 6);
        assert!(!standings.keep(&subject(&it), EXTERNAL, 5, "passed"));
        assert_eq!(standings.get(&subject(&it), EXTERNAL), None);
        assert!(standings.keep(&subject(&it), EXTERNAL, 6, "denied"));
    }

    #[test]
    fn what_is_older_than_the_table_is_refused() {
        let standings = Standings::new(10, 7);
        let it = subject(&Digest::sha256(b"x"));
        assert!(!standings.keep(&it, EXTERNAL, 6, "passed"));
    }

    #[test]
    fn a_changed_environment_forgets_its_own_and_refuses_what_is_older() {
        let standings = Standings::new(10, 0);
        let it = subject(&Digest::sha256(b"x"));
        let staging = Subject {
            environment: EnvironmentName::parse("staging").unwrap(),
            ..it.clone()
        };
        assert!(standings.keep(&it, EXTERNAL, 5, "passed"));
        assert!(standings.keep(&staging, EXTERNAL, 5, "passed"));
        standings.touch_environment(&it.environment, 6);
        assert_eq!(standings.get(&it, EXTERNAL), None);
        assert!(!standings.keep(&it, EXTERNAL, 5, "passed"));
        assert_eq!(standings.get(&staging, EXTERNAL), Some("passed"));
        assert!(standings.keep(&it, EXTERNAL, 6, "denied"));
        standings.touch_environment(&it.environment, 4);
        assert_eq!(standings.get(&it, EXTERNAL), Some("denied"));
        let held: usize = standings.slots.iter().map(|slot| slot.kept.len()).sum();
        assert_eq!(held, 2, "what does not answer is replaced");
    }

    #[test]
    fn exposures_environments_and_repositories_are_apart() {
        let standings = Standings::new(10, 0);
        let it = subject(&Digest::sha256(b"x"));
        standings.keep(&it, Exposure::Internal, 1, "passed");
        assert_eq!(standings.get(&it, EXTERNAL), None);
        let elsewhere = Subject {
            repository: Repository::parse("docker.io/library/redis").unwrap(),
            ..it.clone()
        };
        assert_eq!(standings.get(&elsewhere, Exposure::Internal), None);
        let staging = Subject {
            environment: EnvironmentName::parse("staging").unwrap(),
            ..it
        };
        assert_eq!(standings.get(&staging, Exposure::Internal), None);
    }

    #[test]
    fn the_oldest_makes_room() {
        let standings = Standings::new(2, 0);
        let digests: Vec<Digest> = (0u8..3).map(|n| Digest::sha256(&[n])).collect();
        for digest in &digests {
            standings.keep(&subject(digest), EXTERNAL, 1, "passed");
        }
        assert_eq!(standings.get(&subject(&digests[0]), EXTERNAL), None);
        assert!(standings.get(&subject(&digests[2]), EXTERNAL).is_some());
        let held: usize = standings.slots.iter().map(|slot| slot.kept.len()).sum();
        assert_eq!(held, 2);
    }
}
