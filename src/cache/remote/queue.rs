//! What is still to be done at the store: bounded in number and in bytes, each thing once.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::content_key::ContentKey;
use crate::oci::Digest;

const MAX_JOBS: usize = 4096;
/// Bytes that wait on the local disk to be written.
const MAX_BYTES: u64 = 64 << 30;
/// How often one thing is tried.
const MAX_TRIES: u32 = 5;

/// One thing to be done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::cache) enum RemoteJob {
    /// Copy from the local disk, if it is not there.
    Upload(ContentKey),
    /// Note that it was pulled.
    Mark(Digest),
}

/// A job that was taken from the queue.
pub(in crate::cache) struct QueuedJob {
    pub(in crate::cache) job: RemoteJob,
    /// Since when it waits.
    pub(in crate::cache) since: Timestamp,
    bytes: u64,
    tries: u32,
}

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    Taken,
    /// It waits, or is being done, already.
    Known,
    Full,
}

#[derive(Default)]
pub(super) struct JobQueue {
    state: Mutex<QueueState>,
    added: Notify,
}

#[derive(Default)]
struct QueueState {
    waiting: VecDeque<QueuedJob>,
    /// Those that wait or are being done.
    known: HashSet<RemoteJob>,
    /// Of those that wait.
    bytes: u64,
}

impl JobQueue {
    /// Adds a job that concerns so many bytes.
    pub(super) fn offer(&self, job: RemoteJob, bytes: u64, now: Timestamp) -> Offer {
        let mut state = self.lock();
        if state.known.contains(&job) {
            return Offer::Known;
        }
        let would_be = state.bytes.saturating_add(bytes);
        if state.known.len() >= MAX_JOBS || would_be > MAX_BYTES {
            return Offer::Full;
        }
        state.known.insert(job.clone());
        state.push(QueuedJob {
            job,
            since: now,
            bytes,
            tries: 0,
        });
        drop(state);
        self.added.notify_one();
        Offer::Taken
    }

    /// The next job, as soon as there is one.
    pub(super) async fn take(&self) -> QueuedJob {
        loop {
            let added = self.added.notified();
            if let Some(job) = self.pop() {
                return job;
            }
            added.await;
        }
    }

    fn pop(&self) -> Option<QueuedJob> {
        let mut state = self.lock();
        let job = state.waiting.pop_front()?;
        state.bytes = state.bytes.saturating_sub(job.bytes);
        // One wake-up may stand for several jobs.
        if !state.waiting.is_empty() {
            self.added.notify_one();
        }
        Some(job)
    }

    /// Ends a job that was taken.
    pub(super) fn done(&self, job: &QueuedJob) {
        self.lock().known.remove(&job.job);
    }

    /// Puts a job back that failed; false: it was tried often enough, and is given up.
    pub(super) fn again(&self, mut job: QueuedJob) -> bool {
        job.tries += 1;
        if job.tries >= MAX_TRIES {
            self.done(&job);
            return false;
        }
        self.later(job);
        true
    }

    /// Puts a job behind all others, which is not to blame for that it failed.
    pub(super) fn later(&self, job: QueuedJob) {
        self.lock().push(job);
        self.added.notify_one();
    }

    /// Puts a job back to the front that was not begun.
    pub(super) fn put_back(&self, job: QueuedJob) {
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_add(job.bytes);
        state.waiting.push_front(job);
    }

    /// How many wait, and since when the first of them does.
    pub(super) fn waiting(&self) -> (usize, Option<Timestamp>) {
        let state = self.lock();
        let first = state.waiting.iter().map(|job| job.since).min();
        (state.waiting.len(), first)
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueState {
    fn push(&mut self, job: QueuedJob) {
        self.bytes = self.bytes.saturating_add(job.bytes);
        self.waiting.push_back(job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn upload(number: usize) -> RemoteJob {
        let digest = Digest::sha256(&number.to_le_bytes());
        RemoteJob::Upload(ContentKey::blob(&digest))
    }

    #[tokio::test]
    async fn what_waits_or_is_being_done_is_not_taken_twice() {
        let queue = JobQueue::default();
        assert_eq!(queue.offer(upload(1), 1, NOW), Offer::Taken);
        assert_eq!(queue.offer(upload(1), 1, NOW), Offer::Known);
        let job = queue.take().await;
        assert_eq!(queue.offer(upload(1), 1, NOW), Offer::Known);
        queue.done(&job);
        assert_eq!(queue.offer(upload(1), 1, NOW), Offer::Taken);
    }

    #[tokio::test]
    async fn is_bounded_in_number_and_in_bytes() {
        let queue = JobQueue::default();
        for number in 0..MAX_JOBS {
            assert_eq!(queue.offer(upload(number), 0, NOW), Offer::Taken);
        }
        assert_eq!(queue.offer(upload(MAX_JOBS), 0, NOW), Offer::Full);
        assert_eq!(queue.waiting(), (MAX_JOBS, Some(NOW)));
        let queue = JobQueue::default();
        assert_eq!(queue.offer(upload(1), MAX_BYTES, NOW), Offer::Taken);
        assert_eq!(queue.offer(upload(2), 1, NOW), Offer::Full);
        let job = queue.take().await;
        assert_eq!(queue.offer(upload(2), 1, NOW), Offer::Taken);
        queue.done(&job);
    }

    #[tokio::test]
    async fn what_fails_is_tried_again_and_given_up_in_the_end() {
        let queue = JobQueue::default();
        queue.offer(upload(1), 1, NOW);
        for _ in 1..MAX_TRIES {
            let job = queue.take().await;
            assert!(queue.again(job));
        }
        let job = queue.take().await;
        assert!(!queue.again(job));
        assert_eq!(queue.waiting(), (0, None));
        assert_eq!(queue.offer(upload(1), 1, NOW), Offer::Taken);
    }
}
