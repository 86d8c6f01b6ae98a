//! Denials whose minute has not run out: identical ones are one decision with
//! one id and a count.
//!
//! A denial is written when it is first given, and once more with its count when it is
//! closed. Both are certain: a place in the writer's queue is reserved before a denial is
//! opened, so that a cancelled request leaves no open denial that was never written; and
//! a denial that is evicted from memory waits to be written with its count.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;

use super::decision::RequestRecord;
use crate::gate::pull::Client;
use crate::gate::refusal::DenialAnswer;
use crate::memory::{BoundedMemory, GetOrInsert, HeapSize, Validity};
use crate::oci::{Digest, Repository};
use crate::trust::{Decision, Denial, DenialReason, Outcome, Subject, WorkloadLocation};

/// Identical denials within this long are one decision.
const DENIAL_WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// What makes two denials the same.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(in crate::gate) struct DenialKey {
    listener: Arc<str>,
    principal: Arc<str>,
    place: Option<WorkloadLocation>,
    pub(in crate::gate) what: DeniedImage,
    pub(in crate::gate) reason: DenialReason,
    /// Whether it was refused or let through: the one is not the other again.
    outcome: Outcome,
}

/// What was denied, as far as it is known.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(in crate::gate) enum DeniedImage {
    Image(Repository, Digest),
    Name(String),
}

impl DenialKey {
    pub(in crate::gate) fn of_image(
        client: &Client,
        subject: &Subject,
        came_out: (DenialReason, Outcome),
    ) -> Self {
        let what = DeniedImage::Image(subject.repository.clone(), subject.digest.clone());
        Self::new(client, None, what, came_out)
    }

    pub(in crate::gate) fn of(ask: &RequestRecord<'_>, came_out: (DenialReason, Outcome)) -> Self {
        let what = match (&ask.repository, &ask.digest) {
            (Some(repository), Some(digest)) => {
                DeniedImage::Image(Repository::clone(repository), digest.clone())
            }
            _ => DeniedImage::Name(ask.image.clone()),
        };
        Self::new(ask.client, ask.place.cloned(), what, came_out)
    }

    fn new(
        client: &Client,
        place: Option<WorkloadLocation>,
        what: DeniedImage,
        (reason, outcome): (DenialReason, Outcome),
    ) -> Self {
        Self {
            listener: client.listener.name.clone(),
            principal: client.principal.shared_name(),
            place,
            what,
            reason,
            outcome,
        }
    }
}

/// A denial that is given again as it was.
pub(in crate::gate) struct OpenDenial {
    answer: Arc<DenialAnswer>,
    decision: Decision,
    /// How often it was given; 0 once it is closed.
    count: AtomicU64,
    /// The metric that counts every time.
    counted: Counter,
}

impl OpenDenial {
    /// A denial that is given for the first time.
    pub(in crate::gate) fn new(
        answer: Arc<DenialAnswer>,
        decision: Decision,
        counted: Counter,
    ) -> Self {
        Self {
            answer,
            decision,
            count: AtomicU64::new(1),
            counted,
        }
    }

    fn is_for(&self, denial: &Denial) -> bool {
        self.answer.denial() == denial
    }

    /// Its answer, counted once more; `None` if it was closed meanwhile.
    fn repeat(&self) -> Option<Arc<DenialAnswer>> {
        let once_more = |count: u64| (count > 0).then(|| count.saturating_add(1));
        let (order, count) = (Ordering::Relaxed, &self.count);
        count.fetch_update(order, order, once_more).ok()?;
        self.counted.inc();
        Some(self.answer.clone())
    }

    /// Ends it. The decision with its final count, when that differs from what
    /// was written.
    fn close(&self) -> Option<Decision> {
        let count = self.count.swap(0, Ordering::Relaxed);
        (count > 1).then(|| Decision {
            count,
            ..self.decision.clone()
        })
    }
}

/// The open denials, and the queue of the writer.
pub(in crate::gate) struct OpenDenials {
    open: BoundedMemory<DenialKey, Arc<OpenDenial>>,
    /// Closed ones that wait for a place in the queue. No denial is opened before
    /// they are written, so they are as many as one round of requests pushes out.
    closed: Mutex<VecDeque<Decision>>,
    queue: mpsc::Sender<Decision>,
}

impl OpenDenials {
    /// None are open. At most `limit` bytes of them will be.
    pub(in crate::gate) fn new(limit: u64, queue: mpsc::Sender<Decision>) -> Self {
        Self {
            open: BoundedMemory::new(limit),
            closed: Mutex::default(),
            queue,
        }
    }

    /// The answer to a denial that is already open, counted once more. Memory only.
    pub(in crate::gate) fn repeated(
        &self,
        key: &DenialKey,
        denial: &Denial,
        now: Timestamp,
    ) -> Option<Arc<DenialAnswer>> {
        let open = self.open.get(key, now)?;
        open.is_for(denial).then(|| open.repeat())?
    }

    /// Opens a denial and writes it; or repeats the same one, where another
    /// request was first. Waits while the queue is full: no denial goes unwritten.
    pub(in crate::gate) async fn open(
        &self,
        key: DenialKey,
        first: OpenDenial,
    ) -> Arc<DenialAnswer> {
        self.write_closed().await;
        let Ok(place) = self.queue.reserve().await else {
            // The writer is gone. Readiness fails, and nothing is served for long.
            return first.answer;
        };
        let first = Arc::new(first);
        loop {
            match self.enter(key.clone(), &first) {
                GetOrInsert::Inserted(displaced) => {
                    first.counted.inc();
                    place.send(first.decision.clone());
                    self.close(displaced);
                    return first.answer.clone();
                }
                // One that was closed meanwhile lies in memory no more.
                GetOrInsert::Existing(before) => {
                    if let Some(answer) = before.repeat() {
                        return answer;
                    }
                }
            }
        }
    }

    fn enter(
        &self,
        key: DenialKey,
        first: &Arc<OpenDenial>,
    ) -> GetOrInsert<DenialKey, Arc<OpenDenial>> {
        let (denial, now) = (first.answer.denial(), first.decision.time);
        let minute = Validity::lasting(now, DENIAL_WINDOW).begun_earlier(DENIAL_WINDOW);
        let same = |open: &Arc<OpenDenial>| open.is_for(denial);
        self.open
            .get_or_insert(key, first.clone(), minute, now, same)
    }

    /// Closes those whose minute has run out.
    pub(in crate::gate) async fn close_expired(&self, now: Timestamp) {
        self.close(self.open.remove_expired(now));
        self.write_closed().await;
    }

    /// Closes them all, at the end.
    pub(in crate::gate) async fn close_all(&self) {
        self.close(self.open.clear());
        self.write_closed().await;
    }

    fn close(&self, removed: Vec<(DenialKey, Arc<OpenDenial>)>) {
        let counts = removed.iter().filter_map(|(_, open)| open.close());
        self.closed().extend(counts);
    }

    /// If the caller is cancelled, the next one writes the rest.
    async fn write_closed(&self) {
        while !self.closed().is_empty() {
            let Ok(place) = self.queue.reserve().await else {
                return;
            };
            if let Some(decision) = self.closed().pop_front() {
                place.send(decision);
            }
        }
    }

    /// What the open ones take, in bytes.
    #[cfg(test)]
    pub(in crate::gate) fn bytes(&self) -> u64 {
        self.open.bytes()
    }

    fn closed(&self) -> MutexGuard<'_, VecDeque<Decision>> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeapSize for DenialKey {
    fn heap_size(&self) -> usize {
        let client = self.listener.heap_size() + self.principal.heap_size();
        client + self.place.heap_size() + self.what.heap_size()
    }
}

impl HeapSize for DeniedImage {
    fn heap_size(&self) -> usize {
        match self {
            Self::Image(repository, digest) => repository.heap_size() + digest.heap_size(),
            Self::Name(name) => name.heap_size(),
        }
    }
}

impl HeapSize for OpenDenial {
    fn heap_size(&self) -> usize {
        self.answer.heap_size() + self.decision.heap_size()
    }
}
