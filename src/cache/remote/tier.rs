//! The remote tier as the cache uses it: the store, what is known of it, and how it does.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep, timeout};

use super::blob_store::BlobStore;
use super::breaker::Breaker;
use super::condition::RemoteCondition;
use super::content_key::ContentKey;
use super::error::RemoteError;
use super::found_object::FoundObject;
use super::queue::{JobQueue, Offer, QueuedJob, RemoteJob};
use super::write::WrittenContent;
use crate::memory::{BoundedMemory, HeapSize, Validity};
use crate::metrics::{
    Metrics, RemoteBytesLabels, RemoteDirection, RemoteDrop, RemoteDropLabels, RemoteOperation,
    RemoteRequestLabels, RemoteResult, RemoteUse,
};
use crate::oci::Digest;

/// What is remembered of objects, in bytes, each of the three kinds.
const MEMORY_BYTES: u64 = 8 << 20;
/// How long an object that was seen there is taken to be there.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(6);
/// How long an object that was wrong is not read again.
const SUSPECTED_FOR: SignedDuration = SignedDuration::from_mins(10);
/// How often a pull is marked; a part of what counts as lately when it is pruned.
const MARKED_FOR: SignedDuration = SignedDuration::from_hours(12);
/// How long a small request in the background may take.
const SMALL_REQUEST: Duration = Duration::from_secs(10);
/// While it is left alone, how often it is looked whether it still is: other credentials
/// end that.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Bounds on what the remote tier does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteLimits {
    /// How long a pull waits for its first byte; then the upstream is asked.
    pub wait: Duration,
    /// How long an address lasts that a client is led to; `None`: none is.
    pub redirect: Option<Duration>,
}

/// The second tier of bytes, which replicas share.
pub struct RemoteTier {
    pub(super) store: ArcSwap<BlobStore>,
    url: String,
    pub(super) limits: RemoteLimits,
    pub(super) reads: Breaker,
    pub(super) writes: Breaker,
    pub(super) known: BoundedMemory<ContentKey, KnownObject>,
    suspects: BoundedMemory<ContentKey, ()>,
    marked: BoundedMemory<Digest, ()>,
    queue: JobQueue,
    pub(super) metrics: Metrics,
}

/// An object that lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KnownObject {
    pub(super) found: FoundObject,
    /// Whether this process wrote it, or read and verified all of it.
    pub(super) verified: bool,
}

impl HeapSize for KnownObject {
    fn heap_size(&self) -> usize {
        self.found.tag.as_ref().map_or(0, String::len)
    }
}

impl RemoteTier {
    /// `url` is shown to people.
    pub fn new(store: BlobStore, url: String, limits: RemoteLimits, metrics: Metrics) -> Self {
        Self {
            store: ArcSwap::from_pointee(store),
            url,
            limits,
            reads: Breaker::default(),
            writes: Breaker::default(),
            known: BoundedMemory::new(MEMORY_BYTES),
            suspects: BoundedMemory::new(MEMORY_BYTES),
            marked: BoundedMemory::new(MEMORY_BYTES),
            queue: JobQueue::default(),
            metrics,
        }
    }

    /// Takes the same store by other credentials, and begins with it anew.
    pub fn replace(&self, store: BlobStore) {
        self.store.store(Arc::new(store));
        self.reads.went_well();
        self.writes.went_well();
    }

    /// How it does at `now`.
    pub fn condition(&self, now: Timestamp) -> RemoteCondition {
        let faults = [
            (RemoteUse::Read, self.reads.fault()),
            (RemoteUse::Write, self.writes.fault()),
        ];
        let faults = faults.into_iter();
        let (waiting, since) = self.queue.waiting();
        RemoteCondition {
            url: self.url.clone(),
            waiting,
            lag_s: since.map_or(0, |since| now.duration_since(since).as_secs().max(0)),
            faults: faults
                .filter_map(|(fault, error)| Some((fault, error?)))
                .collect(),
        }
    }

    /// Asks whether it answers again, where it failed and its rest is over; and at the
    /// start, so that wrong settings show before anyone needs it.
    pub async fn probe_once(&self, is_first: bool) {
        let now = Instant::now();
        let due = |breaker: &Breaker| breaker.fault().is_some() && breaker.rest(now).is_none();
        if is_first || due(&self.reads) {
            let probed = {
                let store = self.store.load_full();
                self.in_time(async move { store.probe().await }).await
            };
            self.note(RemoteOperation::Probe, &probed);
        }
        if due(&self.writes) {
            let digest = Digest::sha256(b"");
            let store = self.store.load_full();
            let marked = self.in_time(async move { store.mark(&digest).await });
            let marked = marked.await;
            self.note(RemoteOperation::Mark, &marked);
        }
    }

    /// A small request, within its time.
    pub(super) async fn in_time<T>(
        &self,
        request: impl Future<Output = Result<T, RemoteError>>,
    ) -> Result<T, RemoteError> {
        let done = timeout(SMALL_REQUEST, request).await;
        done.unwrap_or(Err(RemoteError::Slow(SMALL_REQUEST.as_millis())))
    }

    /// Counts a request, and what it says of reading or of writing.
    pub(super) fn note<T>(&self, operation: RemoteOperation, result: &Result<T, RemoteError>) {
        let of = match operation {
            RemoteOperation::Open
            | RemoteOperation::Find
            | RemoteOperation::Probe
            | RemoteOperation::List
            | RemoteOperation::Redirect => RemoteUse::Read,
            RemoteOperation::Write | RemoteOperation::Mark | RemoteOperation::Remove => {
                RemoteUse::Write
            }
        };
        self.note_for(of, operation, result);
    }

    fn note_for<T>(
        &self,
        of: RemoteUse,
        operation: RemoteOperation,
        result: &Result<T, RemoteError>,
    ) {
        let labels = RemoteRequestLabels {
            operation,
            result: result_word(result),
        };
        self.metrics.remote.requests.get_or_create(&labels).inc();
        let (breaker, verb) = match of {
            RemoteUse::Read => (&self.reads, "read"),
            RemoteUse::Write => (&self.writes, "written"),
        };
        match result {
            Err(error) if error.is_of_the_store() => {
                let plain = operation == RemoteOperation::Probe;
                if breaker.failed(Instant::now(), error, plain) {
                    tracing::warn!(remote = %self.url, %error, "the remote tier cannot be {verb}; it is left alone for a while at a time");
                }
            }
            Err(RemoteError::Resting | RemoteError::Damaged) => {}
            _ => {
                if breaker.went_well() {
                    tracing::info!(remote = %self.url, "the remote tier is {verb} again");
                }
            }
        }
    }

    pub(super) fn count_bytes(&self, direction: RemoteDirection, bytes: u64) {
        let labels = RemoteBytesLabels { direction };
        self.metrics
            .remote
            .bytes
            .get_or_create(&labels)
            .inc_by(bytes);
    }

    /// Remembers an object that lies there.
    pub(super) fn know(
        &self,
        key: &ContentKey,
        found: FoundObject,
        verified: bool,
        now: Timestamp,
    ) {
        let validity = Validity::lasting(now, KNOWN_FOR);
        let known = KnownObject { found, verified };
        self.known.insert(key.clone(), known, validity);
    }

    /// Whether an object was wrong lately.
    pub(super) fn suspects(&self, key: &ContentKey, now: Timestamp) -> bool {
        self.suspects.get(key, now).is_some()
    }

    /// Does not read an object for a while.
    pub(super) fn suspect(&self, key: &ContentKey, now: Timestamp) {
        self.known.remove(key);
        let validity = Validity::lasting(now, SUSPECTED_FOR);
        self.suspects.insert(key.clone(), (), validity);
    }

    /// Offers content of the local disk, of so many bytes, unless it is known to be there.
    pub(in crate::cache) fn offer(&self, key: ContentKey, size: u64, now: Timestamp) {
        if self.known.get(&key, now).is_none() {
            self.enqueue(RemoteJob::Upload(key), size, now);
        }
    }

    /// Notes that content was pulled, unless that was noted lately.
    pub(in crate::cache) fn pulled(&self, digest: &Digest, now: Timestamp) {
        if self.marked.get(digest, now).is_none() {
            self.enqueue(RemoteJob::Mark(digest.clone()), 0, now);
        }
    }

    fn enqueue(&self, job: RemoteJob, bytes: u64, now: Timestamp) {
        if self.queue.offer(job, bytes, now) == Offer::Full {
            self.count_drop(RemoteDrop::Full);
        }
    }

    fn count_drop(&self, reason: RemoteDrop) {
        let labels = RemoteDropLabels { reason };
        self.metrics.remote.dropped.get_or_create(&labels).inc();
    }

    /// The next job, once the store can be written.
    pub(in crate::cache) async fn next_job(&self) -> QueuedJob {
        loop {
            while let Some(rest) = self.writes.rest(Instant::now()) {
                sleep(rest.min(LOOK_EVERY)).await;
            }
            let job = self.queue.take().await;
            match self.writes.rest(Instant::now()) {
                None => return job,
                Some(_) => self.queue.put_back(job),
            }
        }
    }

    /// Ends a job: done, to be tried again, or given up.
    pub(in crate::cache) fn finish(&self, job: QueuedJob, result: &Result<(), RemoteError>) {
        match result {
            Ok(()) => self.queue.done(&job),
            Err(error) if error.is_of_the_store() => {
                // While nothing can be written, no job is to blame.
                match self.writes.fault() {
                    Some(_) => self.queue.later(job),
                    None if self.queue.again(job) => {}
                    None => self.count_drop(RemoteDrop::GivenUp),
                }
            }
            Err(error) => {
                self.queue.done(&job);
                self.count_drop(match error {
                    RemoteError::Damaged => RemoteDrop::Damaged,
                    _ => RemoteDrop::Gone,
                });
            }
        }
    }

    /// Marks a pull there.
    pub(in crate::cache) async fn mark(
        &self,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<(), RemoteError> {
        let store = self.store.load_full();
        let marked = self.in_time(store.mark(digest)).await;
        self.note(RemoteOperation::Mark, &marked);
        marked?;
        let validity = Validity::lasting(now, MARKED_FOR);
        self.marked.insert(digest.clone(), (), validity);
        Ok(())
    }

    /// Whether content of this size has to be written: it is not there, of another length,
    /// or was wrong lately.
    pub(in crate::cache) async fn lacks(
        &self,
        key: &ContentKey,
        size: u64,
        now: Timestamp,
    ) -> Result<bool, RemoteError> {
        if self.suspects(key, now) {
            return Ok(true);
        }
        let store = self.store.load_full();
        let found = self.in_time(store.find(key)).await;
        // Whoever wants to write waits then. That it can be read proves nothing of writing.
        let of = match &found {
            Err(error) if error.is_of_the_store() => RemoteUse::Write,
            _ => RemoteUse::Read,
        };
        self.note_for(of, RemoteOperation::Find, &found);
        match found {
            Ok(found) if found.size == size => {
                self.know(key, found, false, now);
                Ok(false)
            }
            Ok(_) | Err(RemoteError::Absent) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Writes verified content.
    pub(in crate::cache) async fn write(
        &self,
        key: &ContentKey,
        content: WrittenContent,
        now: Timestamp,
    ) -> Result<(), RemoteError> {
        let store = self.store.load_full();
        let written = match store.write(key, content).await {
            // To write is to make: what is absent then is the bucket.
            Err(RemoteError::Absent) => {
                let text = "there is no such bucket".to_owned();
                Err(RemoteError::Failed(text))
            }
            written => written,
        };
        self.note(RemoteOperation::Write, &written);
        let found = written?;
        self.count_bytes(RemoteDirection::Written, found.size);
        self.suspects.remove(key);
        self.know(key, found, true, now);
        Ok(())
    }
}

fn result_word<T>(result: &Result<T, RemoteError>) -> RemoteResult {
    match result {
        Ok(_) => RemoteResult::Ok,
        Err(RemoteError::Absent) => RemoteResult::Absent,
        Err(RemoteError::Slow(_)) => RemoteResult::Slow,
        Err(RemoteError::Resting) => RemoteResult::Resting,
        Err(RemoteError::Wrong) => RemoteResult::Wrong,
        Err(
            RemoteError::Failed(_)
            | RemoteError::Refused(_)
            | RemoteError::Unusable(_)
            | RemoteError::Damaged,
        ) => RemoteResult::Failed,
    }
}
