//! Who fetches which span of a content, so that each byte of it is fetched and written once.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Who waits for bytes that are no farther than this from one who fetches waits for them.
const NEAR_BYTES: u64 = 256 * 1024;

/// The same for one who has just begun, whose pace nobody knows.
const NEAR_YOUNG_BYTES: u64 = 1024 * 1024;

/// What is being fetched, by whom.
#[derive(Default)]
pub(super) struct Claims {
    spans: Mutex<BTreeMap<u64, ClaimedSpan>>,
    next: AtomicU64,
    /// Told when a claim ends.
    pub(super) freed: Notify,
}

/// A span that one fetches: up to `written` it is in the file, and up to `begun` it is
/// there or being written.
struct ClaimedSpan {
    since: Instant,
    first: u64,
    written: u64,
    begun: u64,
    end: u64,
}

impl ClaimedSpan {
    fn contains(&self, at: u64) -> bool {
        (self.written..self.end).contains(&at)
    }
}

/// One claim, which ends when this is dropped.
pub(super) struct Claim<'a> {
    claims: &'a Claims,
    id: u64,
}

impl Claims {
    pub(super) fn claim(&self, span: Range<u64>) -> Claim<'_> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let claimed = ClaimedSpan {
            since: Instant::now(),
            first: span.start,
            written: span.start,
            begun: span.start,
            end: span.end,
        };
        self.lock().insert(id, claimed);
        Claim { claims: self, id }
    }

    /// The end of the claim in which `at` lies, or else `at`.
    pub(super) fn end_of(&self, at: u64) -> u64 {
        let spans = self.lock();
        let of = spans.values().find(|it| it.contains(at));
        of.map_or(at, |it| it.end)
    }

    /// Where the first claim behind `at` begins.
    pub(super) fn next_from(&self, at: u64) -> Option<u64> {
        let spans = self.lock();
        let starts = spans.values().map(|it| it.written);
        starts.filter(|start| *start > at).min()
    }

    /// Lets the claim in which `at` lies end there. What is being written stays its own.
    pub(super) fn cut_at(&self, at: u64) {
        let mut spans = self.lock();
        let of = spans.values_mut().find(|it| it.contains(at));
        if let Some(claimed) = of {
            claimed.end = at.max(claimed.begun);
        }
    }

    /// Whether one who fetches is near `at`, or comes there within `patience` by the pace
    /// so far.
    pub(super) fn reach_soon(&self, at: u64, patience: Duration) -> bool {
        let spans = self.lock();
        let of = spans.values().find(|it| it.contains(at));
        of.is_some_and(|it| {
            let missing = at.saturating_sub(it.begun);
            let age = it.since.elapsed();
            let pace = (it.written - it.first) as f64 / age.as_secs_f64().max(1e-3);
            let near = match age < 2 * patience {
                true => NEAR_YOUNG_BYTES,
                false => NEAR_BYTES,
            };
            missing < near || missing as f64 <= pace * patience.as_secs_f64()
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, ClaimedSpan>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim<'_> {
    /// What nobody has begun to write of it.
    pub(super) fn left(&self) -> Range<u64> {
        let spans = self.claims.lock();
        spans.get(&self.id).map_or(0..0, |it| it.begun..it.end)
    }

    /// Begins to write up to `length` bytes: where, how many of them, and whether nothing
    /// of the claim is left then although what is read goes on to `source_end`.
    pub(super) fn begin(&self, length: u64, source_end: u64) -> (u64, u64, bool) {
        let mut spans = self.claims.lock();
        let Some(claimed) = spans.get_mut(&self.id) else {
            return (0, 0, true);
        };
        let at = claimed.begun;
        let room = length.min(claimed.end - at);
        claimed.begun += room;
        let is_cut = claimed.begun == claimed.end && claimed.end < source_end;
        (at, room, is_cut)
    }

    /// All up to there is in the file.
    pub(super) fn written(&self, to: u64) {
        if let Some(claimed) = self.claims.lock().get_mut(&self.id) {
            claimed.written = to;
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.claims.lock().remove(&self.id);
        self.claims.freed.notify_waiters();
    }
}
