//! Closures of roots: recorded ones from the ledger, others read from upstream.
//!
//! What is found absent or refused is remembered too, in a capped
//! table, so that unknown digests do not spend an upstream's budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use tracing::Instrument;

use super::attachments::Attachments;
use super::failures::{AskedAt, Failures};
use super::reading::{FetchedClosure, ReadOutcome, UnfitImage, read_closure};
use super::reading_memory::ReadingMemory;
use super::refusal::Refusal;
use super::upstreams::Upstreams;
use crate::flight::SingleFlight;
use crate::ledger::{Alias, Ledger};
use crate::memory::{BoundedMemory, HeapSize, Validity};
use crate::oci::{Child, ChildOutcome, Closure, Digest, Repository};
use crate::tasks::Tasks;
use crate::trust::Subject;
use crate::upstream::{Upstream, UpstreamError};

/// The most bytes of closures of images that were never admitted.
const MAX_CLOSURE_BYTES: u64 = 128 << 20;
/// Bytes of digests that are absent, at most: about 30,000 of them. They have a
/// memory of their own, so that they push out nothing that exists.
const MAX_ABSENT_BYTES: u64 = 8 << 20;
/// The most bytes of digests of unrecorded closures.
const MAX_MEMBER_BYTES: u64 = 16 << 20;
/// How long an absent digest is not asked for again; never longer than `tag_ttl`.
const ABSENT_TTL: SignedDuration = SignedDuration::from_secs(30);
/// The most reads that go on after all their callers were cancelled. One holds up to 32
/// MiB. Further reads end with their last caller.
const MAX_DETACHED_READS: usize = 16;
/// The timeout of such a read.
const DETACHED_READ_TIMEOUT: Duration = Duration::from_mins(10);
/// About what a descriptor takes in memory, in bytes.
const DESCRIPTOR_BYTES: usize = 256;

type Key = (Repository, Digest);

/// Any client can name as many images as the upstream has, so they are weighed.
impl HeapSize for ReadOutcome {
    fn heap_size(&self) -> usize {
        match self {
            Self::Read(read) => {
                let bodies = read.bodies.iter().map(|(_, _, bytes)| bytes.len());
                let digests = read.closure.digests().count() + read.aliases.len();
                bodies.sum::<usize>() + digests * DESCRIPTOR_BYTES
            }
            Self::Unfit(unfit) => unfit.why.heap_size(),
            Self::Absent => 0,
        }
    }
}

/// What is absent, or came with a wrong type, is looked for again; what was read has its digest
/// for ever.
fn validity(outcome: &ReadOutcome, now: Timestamp, absent_for: SignedDuration) -> Validity {
    match may_change(outcome) {
        false => Validity::ALWAYS,
        true => Validity::lasting(now, absent_for),
    }
}

fn may_change(outcome: &ReadOutcome) -> bool {
    match outcome {
        ReadOutcome::Read(read) => lacks_children(&read.closure),
        ReadOutcome::Unfit(unfit) => unfit.may_mend,
        ReadOutcome::Absent => true,
    }
}

/// Whether a child was absent when it was read: it may have come since.
pub(super) fn lacks_children(closure: &Closure) -> bool {
    closure.children().iter().any(is_absent)
}

fn is_absent(child: &Child) -> bool {
    matches!(child.outcome, ChildOutcome::Absent)
}

/// The closures of all roots: recorded ones in the ledger, others in memory, and
/// the flights that read those.
pub(super) struct Closures {
    ledger: Arc<Ledger>,
    upstreams: Arc<Upstreams>,
    memory: Arc<RememberedClosures>,
    attachments: Arc<Attachments>,
    flights: Arc<SingleFlight<Key, Result<ReadOutcome, UpstreamError>>>,
    tasks: Tasks,
    owned: Arc<Semaphore>,
    room: ReadingMemory,
}

/// Closures of images that were never admitted, and absent digests.
struct RememberedClosures {
    read: BoundedMemory<Key, ReadOutcome>,
    absent: BoundedMemory<Key, ()>,
    /// Those that could not be read.
    failed: Failures,
    /// Content to the root that was seen to hold it.
    parents: BoundedMemory<Key, Digest>,
    /// How often more was seen of `parents`.
    seen: AtomicU64,
}

/// A closure to judge by.
pub(super) enum KnownClosure {
    /// In the ledger: its membership is in the index.
    Recorded(Arc<Closure>),
    Unrecorded(FetchedClosure),
    /// It cannot be judged safely.
    Unfit(UnfitImage),
}

impl RememberedClosures {
    fn new() -> Self {
        Self {
            read: BoundedMemory::new(MAX_CLOSURE_BYTES),
            absent: BoundedMemory::new(MAX_ABSENT_BYTES),
            failed: Failures::new(),
            parents: BoundedMemory::new(MAX_MEMBER_BYTES),
            seen: AtomicU64::new(0),
        }
    }

    fn get(&self, key: &Key, now: Timestamp) -> Option<ReadOutcome> {
        let absent = self.absent.get(key, now).map(|()| ReadOutcome::Absent);
        absent.or_else(|| self.read.get(key, now))
    }

    /// Forgets what its upstream may answer otherwise by now.
    fn forget_changeable(&self, key: &Key) {
        self.absent.remove(key);
        if self.read.last(key).is_some_and(|it| may_change(&it)) {
            self.read.remove(key);
        }
    }

    fn remember(&self, key: Key, outcome: ReadOutcome, now: Timestamp, absent_for: SignedDuration) {
        let validity = validity(&outcome, now, absent_for);
        self.failed.forget(&key);
        match outcome {
            ReadOutcome::Absent => drop(self.absent.insert(key, (), validity)),
            ReadOutcome::Read(_) | ReadOutcome::Unfit(_) => {
                self.absent.remove(&key);
                self.read.insert(key, outcome, validity);
            }
        }
    }
}

impl Closures {
    pub(super) fn new(
        ledger: Arc<Ledger>,
        upstreams: Arc<Upstreams>,
        attachments: Arc<Attachments>,
        tasks: Tasks,
    ) -> Self {
        Self {
            ledger,
            upstreams,
            attachments,
            memory: Arc::new(RememberedClosures::new()),
            flights: Arc::new(SingleFlight::default()),
            tasks,
            owned: Arc::new(Semaphore::new(MAX_DETACHED_READS)),
            room: ReadingMemory::new(),
        }
    }

    fn unrecorded(&self, repository: &Repository, digest: &Digest) -> Option<Arc<Closure>> {
        let key = (repository.clone(), digest.clone());
        match self.memory.read.last(&key)? {
            ReadOutcome::Read(read) => Some(read.closure),
            ReadOutcome::Unfit(_) | ReadOutcome::Absent => None,
        }
    }

    /// Remembers what lies below a closure that the ledger could not record:
    /// what is served without it needs its blobs and children, too.
    pub(super) fn note_members(&self, repository: &Repository, closure: &Closure) {
        let root = closure.root();
        for digest in closure.digests().filter(|digest| *digest != root) {
            let key = (repository.clone(), digest.clone());
            self.memory
                .parents
                .insert(key, root.clone(), Validity::ALWAYS);
        }
        self.memory.seen.fetch_add(1, Ordering::Release);
    }

    /// Grows whenever more is seen of what the ledger does not hold: members of closures
    /// that are not recorded, and what tags attach to images.
    pub(super) fn seen(&self) -> u64 {
        self.memory.seen.load(Ordering::Acquire) + self.attachments.seen()
    }

    /// The closure, not recorded, that was seen to hold `digest`.
    pub(super) fn unrecorded_parent(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Option<Arc<Closure>> {
        let root = self
            .memory
            .parents
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

    /// Whether [`Closures::find`] asks no upstream.
    pub(super) fn is_at_hand(
        &self,
        repository: &Repository,
        digest: &Digest,
        now: Timestamp,
    ) -> bool {
        let key = (repository.clone(), digest.clone());
        let recorded = self.ledger.index().closure(repository, digest);
        recorded.is_some()
            || self.memory.get(&key, now).is_some()
            || self.memory.failed.get(&key, now).is_some()
    }

    /// The closure to judge by, read from upstream if it is not known yet. That it could
    /// not be read is remembered for a short while, too.
    pub(super) async fn find(
        &self,
        repository: &Repository,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<KnownClosure, Refusal> {
        match self.ledger.closure(repository, digest).await {
            Ok(None) => {}
            Ok(Some(closure)) => {
                return Ok(KnownClosure::Recorded(self.attached(repository, closure)));
            }
            // What it is, the upstream says; what is said of it, nobody does then.
            Err(error) => tracing::error!(%error, image.digest = %digest, "closure not readable"),
        }
        let key = (repository.clone(), digest.clone());
        match self.outcome(key, now).await? {
            ReadOutcome::Read(read) => Ok(KnownClosure::Unrecorded(FetchedClosure {
                closure: self.attached(repository, read.closure),
                ..read
            })),
            ReadOutcome::Unfit(unfit) => Ok(KnownClosure::Unfit(unfit)),
            ReadOutcome::Absent => Err(Refusal::ManifestUnknown),
        }
    }

    /// As [`Closures::find`], but for what somebody says to have pushed just now: an absence
    /// is not believed that was seen before.
    pub(super) async fn find_now(
        &self,
        repository: &Repository,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<KnownClosure, Refusal> {
        let key = (repository.clone(), digest.clone());
        self.memory.forget_changeable(&key);
        self.find(repository, digest, now).await
    }

    /// What is remembered of a root, or what its upstream says now.
    async fn outcome(&self, key: Key, now: Timestamp) -> Result<ReadOutcome, Refusal> {
        match self.memory.get(&key, now) {
            Some(outcome) => Ok(outcome),
            None => match self.memory.failed.get(&key, now) {
                Some(error) => Err(error.into()),
                None => self.read(key, now).await,
            },
        }
    }

    /// The closure of a root as its upstream has it now, where children lacked when it was
    /// recorded and have come since.
    pub(super) async fn completed(
        &self,
        repository: &Repository,
        recorded: &Closure,
        now: Timestamp,
    ) -> Option<FetchedClosure> {
        if !lacks_children(recorded) {
            return None;
        }
        let key = (repository.clone(), recorded.root().clone());
        let Ok(ReadOutcome::Read(read)) = self.outcome(key, now).await else {
            return None;
        };
        let lacking = |it: &Closure| it.children().iter().filter(|it| is_absent(it)).count();
        (lacking(&read.closure) < lacking(recorded)).then_some(read)
    }

    /// The closure with what a tag of cosign's says of it.
    fn attached(&self, repository: &Repository, closure: Arc<Closure>) -> Arc<Closure> {
        let applied = self.attachments.applied(repository, &closure);
        applied.map_or(closure, Arc::new)
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
            KnownClosure::Recorded(closure) => {
                let completed = self.completed(&subject.repository, &closure, now).await;
                Ok(match completed {
                    Some(read) => (read.closure, read.aliases),
                    None => (closure, Arc::default()),
                })
            }
            KnownClosure::Unrecorded(read) => Ok((read.closure, read.aliases)),
            KnownClosure::Unfit(_) => Err(Refusal::ManifestUnknown),
        }
    }

    /// Reads a closure once for all who ask while it is under way.
    async fn read(&self, key: Key, now: Timestamp) -> Result<ReadOutcome, Refusal> {
        let reachable = self.upstreams.of(&key.0)?;
        let reading = Reading {
            upstream: reachable.upstream.clone(),
            tag_ttl: reachable.tag_ttl,
            memory: self.memory.clone(),
            room: self.room.clone(),
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
        let read = async move {
            let _turn = turn;
            let flight = || reading.clone().run();
            let read = flights.join(&reading.key, flight);
            let _ = tokio::time::timeout(DETACHED_READ_TIMEOUT, read).await;
        };
        // Its requests belong to the trace of who asked first.
        let read = read.in_current_span();
        self.tasks.spawn_isolated("reading an image", read);
    }
}

/// The reading of one closure, which is remembered when it ends.
#[derive(Clone)]
struct Reading {
    upstream: Upstream,
    /// The longest time that an absence or a failure is believed.
    tag_ttl: SignedDuration,
    memory: Arc<RememberedClosures>,
    room: ReadingMemory,
    key: Key,
    now: Timestamp,
}

impl Reading {
    async fn run(self) -> Result<ReadOutcome, UpstreamError> {
        let asked = AskedAt::begin(self.now);
        let read = read_closure(&self.upstream, &self.key.0, &self.key.1, &self.room).await;
        match &read {
            Ok(outcome) => {
                let absent_for = ABSENT_TTL.min(self.tag_ttl);
                let outcome = outcome.clone();
                self.memory
                    .remember(self.key, outcome, self.now, absent_for);
            }
            Err(error) => {
                let failed = &self.memory.failed;
                failed.note(&self.key, error, asked, self.tag_ttl);
            }
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn unfit(why: &str) -> UnfitImage {
        UnfitImage {
            why: why.into(),
            may_mend: false,
        }
    }

    fn key(number: u32) -> Key {
        let repository = Repository::parse("registry.corp/team/app").unwrap();
        (repository, Digest::sha256(&number.to_be_bytes()))
    }

    #[test]
    fn an_absence_holds_for_a_while_from_when_it_was_seen() {
        let closures = RememberedClosures::new();
        closures.remember(key(1), ReadOutcome::Absent, at(10), ABSENT_TTL);
        for (second, holds) in [(9, false), (10, true), (39, true), (40, false)] {
            let found = closures.get(&key(1), at(second));
            assert_eq!(found.is_some(), holds, "at {second}");
        }
        let unfit = ReadOutcome::Unfit(unfit("no"));
        closures.remember(key(1), unfit, at(20), ABSENT_TTL);
        let found = closures.get(&key(1), at(20));
        assert!(matches!(found, Some(ReadOutcome::Unfit(_))));
    }

    #[test]
    fn absences_are_bounded_in_bytes_and_push_out_nothing_that_exists() {
        let closures = RememberedClosures::new();
        closures.remember(key(0), ReadOutcome::Unfit(unfit("no")), at(0), ABSENT_TTL);
        for number in 1..100_000 {
            closures.remember(key(number), ReadOutcome::Absent, at(0), ABSENT_TTL);
        }
        assert!(closures.absent.bytes() <= MAX_ABSENT_BYTES);
        assert!(closures.get(&key(0), at(0)).is_some());
        assert!(closures.get(&key(99_999), at(0)).is_some());
        assert!(closures.get(&key(1), at(0)).is_none());
    }
}
