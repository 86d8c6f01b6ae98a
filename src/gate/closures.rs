//! Closures of roots: recorded ones from the ledger, others read from upstream.
//!
//! What is found absent or refused is remembered too, in a capped
//! table, so that unknown digests do not spend an upstream's budget.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;

use super::reading::{Outcome, Read, read_closure};
use super::refusal::Refusal;
use super::upstreams::Upstreams;
use crate::flight::Flights;
use crate::ledger::{Alias, Ledger};
use crate::memory::{BoundedMemory, HeapSize, Validity};
use crate::oci::{ChildOutcome, Closure, Digest, Repository};
use crate::tasks::Tasks;
use crate::trust::Subject;
use crate::upstream::{Upstream, UpstreamError};

/// Bytes of closures of images that nobody admitted yet, at most.
const CLOSURE_BYTES: u64 = 128 << 20;
/// Bytes of digests that are absent, at most: about 30,000 of them. They have a
/// memory of their own, so that they push out nothing that exists.
const ABSENT_BYTES: u64 = 8 << 20;
/// Bytes for what lies below closures that could not be recorded, at most.
const BELOW_BYTES: u64 = 16 << 20;
/// How long an absent digest is not asked for again; never longer than `tag_ttl`.
const ABSENT_FOR: SignedDuration = SignedDuration::from_secs(30);
/// Readings that go on when everyone who asked has left, at most. One holds up to
/// 32 MiB. Beyond, a reading lasts as long as somebody waits for it.
const OWNED_READINGS: usize = 16;
/// How long such a reading may take.
const OWNED_FOR: Duration = Duration::from_mins(10);
/// About what a descriptor takes in memory, in bytes.
const DESCRIPTOR: usize = 256;

type Key = (Repository, Digest);

/// Whoever can pull can name as many images as the upstream has.
impl HeapSize for Outcome {
    fn heap_size(&self) -> usize {
        match self {
            Self::Read(read) => {
                let bodies = read.bodies.iter().map(|(_, _, bytes)| bytes.len());
                let digests = read.closure.digests().count() + read.aliases.len();
                bodies.sum::<usize>() + digests * DESCRIPTOR
            }
            Self::Unfit(why) => why.heap_size(),
            Self::Absent => 0,
        }
    }
}

/// What is absent is looked for again; what was read has its digest for ever.
fn validity(outcome: &Outcome, now: Timestamp, absent_for: SignedDuration) -> Validity {
    match outcome {
        Outcome::Read(read) if !lacks_children(&read.closure) => Validity::ALWAYS,
        Outcome::Unfit(_) => Validity::ALWAYS,
        Outcome::Read(_) | Outcome::Absent => Validity::lasting(now, absent_for),
    }
}

fn lacks_children(closure: &Closure) -> bool {
    let mut children = closure.children().iter();
    children.any(|child| matches!(child.outcome, ChildOutcome::Absent))
}

/// The closures of all roots: recorded ones in the ledger, others in memory, and
/// the flights that read those.
pub(super) struct Closures {
    ledger: Arc<Ledger>,
    upstreams: Arc<Upstreams>,
    memory: Arc<Remembered>,
    flights: Arc<Flights<Key, Result<Outcome, UpstreamError>>>,
    tasks: Tasks,
    owned: Arc<Semaphore>,
}

/// What was read of images that nobody admitted, and what was not there.
struct Remembered {
    read: BoundedMemory<Key, Outcome>,
    absent: BoundedMemory<Key, ()>,
    /// Content to the root that was seen to hold it.
    below: BoundedMemory<Key, Digest>,
}

/// A closure to judge by.
pub(super) enum Known {
    /// In the ledger: its membership is in the index.
    Recorded(Arc<Closure>),
    Unrecorded(Read),
    /// It cannot be judged safely; the text says why.
    Unfit(Arc<str>),
}

impl Remembered {
    fn new() -> Self {
        Self {
            read: BoundedMemory::new(CLOSURE_BYTES),
            absent: BoundedMemory::new(ABSENT_BYTES),
            below: BoundedMemory::new(BELOW_BYTES),
        }
    }

    fn get(&self, key: &Key, now: Timestamp) -> Option<Outcome> {
        let absent = self.absent.get(key, now).map(|()| Outcome::Absent);
        absent.or_else(|| self.read.get(key, now))
    }

    fn remember(&self, key: Key, outcome: Outcome, now: Timestamp, absent_for: SignedDuration) {
        let validity = validity(&outcome, now, absent_for);
        match outcome {
            Outcome::Absent => drop(self.absent.insert(key, (), validity)),
            Outcome::Read(_) | Outcome::Unfit(_) => {
                self.absent.remove(&key);
                self.read.insert(key, outcome, validity);
            }
        }
    }
}

impl Closures {
    pub(super) fn new(ledger: Arc<Ledger>, upstreams: Arc<Upstreams>, tasks: Tasks) -> Self {
        Self {
            ledger,
            upstreams,
            memory: Arc::new(Remembered::new()),
            flights: Arc::new(Flights::default()),
            tasks,
            owned: Arc::new(Semaphore::new(OWNED_READINGS)),
        }
    }

    fn unrecorded(&self, repository: &Repository, digest: &Digest) -> Option<Arc<Closure>> {
        let key = (repository.clone(), digest.clone());
        match self.memory.read.last(&key)? {
            Outcome::Read(read) => Some(read.closure),
            Outcome::Unfit(_) | Outcome::Absent => None,
        }
    }

    /// Remembers what lies below a closure that the ledger could not record:
    /// what is served without it needs its blobs and children, too.
    pub(super) fn note_below(&self, repository: &Repository, closure: &Closure) {
        let root = closure.root();
        for digest in closure.digests().filter(|digest| *digest != root) {
            let key = (repository.clone(), digest.clone());
            self.memory
                .below
                .insert(key, root.clone(), Validity::ALWAYS);
        }
    }

    /// The closure, not recorded, that was seen to hold `digest`.
    pub(super) fn unrecorded_parent(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Option<Arc<Closure>> {
        let root = self
            .memory
            .below
            .last(&(repository.clone(), digest.clone()))?;
        self.unrecorded(repository, &root)
    }

    pub(super) fn forget(&self, repository: &Repository, digest: &Digest) {
        self.memory
            .read
            .remove(&(repository.clone(), digest.clone()));
    }

    /// The closure of a root or of an image below a recorded index. Memory only.
    pub(super) fn known(&self, repository: &Repository, digest: &Digest) -> Option<Arc<Closure>> {
        let index = self.ledger.index();
        index
            .closure(repository, digest)
            .or_else(|| self.unrecorded(repository, digest))
    }

    /// The closure to judge by, read from upstream when nobody knows it yet.
    pub(super) async fn find(
        &self,
        repository: &Repository,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Known, Refusal> {
        if let Some(closure) = self.ledger.index().closure(repository, digest) {
            return Ok(Known::Recorded(closure));
        }
        let key = (repository.clone(), digest.clone());
        let outcome = match self.memory.get(&key, now) {
            Some(outcome) => outcome,
            None => self.read(key, now).await?,
        };
        match outcome {
            Outcome::Read(read) => Ok(Known::Unrecorded(read)),
            Outcome::Unfit(why) => Ok(Known::Unfit(why)),
            Outcome::Absent => Err(Refusal::ManifestUnknown),
        }
    }

    /// The closure of what is looked at unasked, with the aliases that nobody need
    /// have recorded: none where it cannot be had now.
    pub(super) async fn readable(
        &self,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<(Arc<Closure>, Arc<[Alias]>), Refusal> {
        let known = self.find(&subject.repository, &subject.digest, now);
        match known.await? {
            Known::Recorded(closure) => Ok((closure, Arc::default())),
            Known::Unrecorded(read) => Ok((read.closure, read.aliases)),
            Known::Unfit(_) => Err(Refusal::ManifestUnknown),
        }
    }

    /// Reads a closure once for all who ask while it is under way.
    async fn read(&self, key: Key, now: Timestamp) -> Result<Outcome, Refusal> {
        let reachable = self.upstreams.of(&key.0)?;
        let reading = Reading {
            upstream: reachable.upstream.clone(),
            absent_for: ABSENT_FOR.min(reachable.tag_ttl),
            memory: self.memory.clone(),
            key,
            now,
        };
        self.keep_going(&reading);
        let flight = || reading.clone().run();
        Ok(self.flights.join(&reading.key, flight).await?)
    }

    /// Lets a reading that begins now go on when everyone has left: else a slow
    /// upstream with a large index would never be read to its end.
    fn keep_going(&self, reading: &Reading) {
        if self.flights.is_under_way(&reading.key) {
            return;
        }
        let Ok(turn) = self.owned.clone().try_acquire_owned() else {
            return;
        };
        let (flights, reading) = (self.flights.clone(), reading.clone());
        self.tasks.spawn_isolated("reading an image", async move {
            let _turn = turn;
            let flight = || reading.clone().run();
            let read = flights.join(&reading.key, flight);
            let _ = tokio::time::timeout(OWNED_FOR, read).await;
        });
    }
}

/// The reading of one closure, which is remembered when it ends.
#[derive(Clone)]
struct Reading {
    upstream: Upstream,
    /// How long an absence is believed.
    absent_for: SignedDuration,
    memory: Arc<Remembered>,
    key: Key,
    now: Timestamp,
}

impl Reading {
    async fn run(self) -> Result<Outcome, UpstreamError> {
        let outcome = read_closure(&self.upstream, &self.key.0, &self.key.1).await?;
        let (absent_for, now) = (self.absent_for, self.now);
        self.memory
            .remember(self.key, outcome.clone(), now, absent_for);
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn key(number: u32) -> Key {
        let repository = Repository::parse("registry.corp/team/app").unwrap();
        (repository, Digest::sha256(&number.to_be_bytes()))
    }

    #[test]
    fn an_absence_holds_for_a_while_from_when_it_was_seen() {
        let closures = Remembered::new();
        closures.remember(key(1), Outcome::Absent, at(10), ABSENT_FOR);
        for (second, holds) in [(9, false), (10, true), (39, true), (40, false)] {
            let found = closures.get(&key(1), at(second));
            assert_eq!(found.is_some(), holds, "at {second}");
        }
        let unfit = Outcome::Unfit("no".into());
        closures.remember(key(1), unfit, at(20), ABSENT_FOR);
        let found = closures.get(&key(1), at(20));
        assert!(matches!(found, Some(Outcome::Unfit(_))));
    }

    #[test]
    fn absences_are_bounded_in_bytes_and_push_out_nothing_that_exists() {
        let closures = Remembered::new();
        closures.remember(key(0), Outcome::Unfit("no".into()), at(0), ABSENT_FOR);
        for number in 1..100_000 {
            closures.remember(key(number), Outcome::Absent, at(0), ABSENT_FOR);
        }
        assert!(closures.absent.bytes() <= ABSENT_BYTES);
        assert!(closures.get(&key(0), at(0)).is_some());
        assert!(closures.get(&key(99_999), at(0)).is_some());
        assert!(closures.get(&key(1), at(0)).is_none());
    }
}
