//! The newest decisions in memory: denials in brief, and of pulls how many there were. It is
//! what is counted and grouped for people, so that no page reads thousands of records. It
//! follows the ledger's index, where the decisions of other replicas stand too.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::recent_pulls::RecentPulls;
use crate::ledger::{Ledger, LedgerError, PlacedDecision};
use crate::memory::{BoundedMemory, HeapSize, Validity};
use crate::metrics::Metrics;
use crate::oci::{Digest, ImageRef, RegistryHost, Repository, readable};
use crate::trust::{
    Decision, DecisionId, DenialReason, Door, EnvironmentName, Outcome, WorkloadLocation,
};

/// How far back decisions are remembered.
pub const RECENT: SignedDuration = SignedDuration::from_hours(24);
/// What denials may take, in bytes: some ten thousands.
const MAX_RECENT_BYTES: u64 = 24 << 20;
/// Decisions that are read when nothing is known yet, at most; the newest.
const MAX_PRIMED: u64 = 20_000;
/// Decisions read from the ledger at once.
const DECISIONS_PER_READ: u32 = 512;
/// Who asks again sooner is told what was read before.
const FRESH_FOR: SignedDuration = SignedDuration::from_millis(500);
/// The longest text of a reason, in characters.
const MAX_TEXT_CHARS: usize = 400;

/// A denial, or a pass that would have been one, without its checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentDenial {
    pub id: DecisionId,
    pub time: Timestamp,
    pub count: u64,
    pub door: Door,
    pub environment: EnvironmentName,
    pub verdict: Outcome,
    /// The first is what it is told by.
    pub reasons: Vec<DenialReason>,
    /// As it was asked for.
    pub image: String,
    pub upstream: Option<RegistryHost>,
    /// Where it lies, if the name can be read.
    pub repository: Option<Repository>,
    pub digest: Option<Digest>,
    pub principal: String,
    pub unauthenticated: bool,
    pub client: Option<String>,
    pub location: Option<WorkloadLocation>,
    /// Of the first reason: what was found, and what to do.
    pub detail: String,
    pub next_step: String,
}

/// The newest decisions.
pub struct RecentDecisions {
    ledger: Arc<Ledger>,
    metrics: Metrics,
    /// Where recorded image names without a host lie.
    default_host: RegistryHost,
    by_id: BoundedMemory<DecisionId, Arc<RecentDenial>>,
    pulls: RecentPulls,
    /// How far it has read, and when.
    read: Mutex<Option<(u64, Timestamp)>>,
    /// Before this time some denials are missing, in microseconds.
    complete_since: AtomicI64,
}

impl RecentDecisions {
    pub fn new(ledger: Arc<Ledger>, metrics: Metrics, default_host: RegistryHost) -> Self {
        Self {
            ledger,
            metrics,
            default_host,
            by_id: BoundedMemory::new(MAX_RECENT_BYTES),
            pulls: RecentPulls::default(),
            read: Mutex::new(None),
            complete_since: AtomicI64::new(i64::MIN),
        }
    }

    /// Reads what was written since the last time, unless that was just now.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn follow_once(&self, now: Timestamp) -> Result<(), LedgerError> {
        let mut read = self.read.lock().await;
        let is_fresh = |(_, at): (u64, Timestamp)| {
            let age = now.duration_since(at);
            !age.is_negative() && age < FRESH_FOR
        };
        if read.is_some_and(is_fresh) {
            return Ok(());
        }
        let newest = self.ledger.newest_position().await?;
        let mut position = match *read {
            // Of this ledger, and not of one that lost something.
            Some((position, _)) if position <= newest => position,
            _ => self.begin(newest, now).await?,
        };
        while position < newest {
            let page = self
                .ledger
                .decisions_behind(position, DECISIONS_PER_READ)
                .await?;
            let Some(last) = page.last() else {
                break;
            };
            position = last.position;
            page.into_iter().for_each(|placed| self.note(placed));
        }
        self.by_id.remove_expired(now);
        self.pulls.remove_before(before(now));
        *read = Some((position.max(newest), now));
        Ok(())
    }

    /// Forgets everything; returns where to begin.
    async fn begin(&self, newest: u64, now: Timestamp) -> Result<u64, LedgerError> {
        self.by_id.clear();
        let since = before(now);
        let wanted = self.ledger.position_before(since).await?;
        let from = wanted.max(newest.saturating_sub(MAX_PRIMED));
        let cut = match from > wanted {
            true => self.ledger.decisions_behind(from, 1).await?,
            false => Vec::new(),
        };
        let complete = cut.first().map_or(since, |first| first.decision.time);
        self.complete_since
            .store(complete.as_microsecond(), Ordering::Relaxed);
        self.pulls.begin(complete);
        Ok(from)
    }

    fn note(&self, placed: PlacedDecision) {
        let decision = placed.decision;
        self.pulls.note(&decision, &self.default_host);
        if !matches!(decision.verdict, Outcome::Denied | Outcome::WouldDeny) {
            return;
        }
        let validity = Validity::lasting(decision.time, RECENT).begun_earlier(RECENT);
        let recent = RecentDenial::of(decision, &self.default_host);
        let id = recent.id.clone();
        for (gone, entry) in self.by_id.insert(id.clone(), Arc::new(recent), validity) {
            if gone != id {
                let lost = entry.time.as_microsecond().saturating_add(1);
                self.complete_since.fetch_max(lost, Ordering::Relaxed);
            }
        }
    }

    /// How often repositories were pulled from since then, to ten minutes, of those that
    /// `wanted` holds for: of each client the first pull of an image in an hour.
    pub fn pulls(
        &self,
        since: Timestamp,
        wanted: impl Fn(&EnvironmentName, &Repository) -> bool,
    ) -> HashMap<Repository, u64> {
        self.pulls.since(since, wanted)
    }

    /// From when on no pull is missing that the ledger has.
    pub fn pulls_complete_since(&self) -> Timestamp {
        self.pulls.complete_since()
    }

    /// The denials that `wanted` holds for, in no order.
    pub fn all(&self, wanted: impl Fn(&RecentDenial) -> bool) -> Vec<Arc<RecentDenial>> {
        let mut found = Vec::new();
        self.by_id.for_each(|_, entry| {
            if wanted(entry) {
                found.push(entry.clone());
            }
        });
        found
    }

    /// From when on no denial is missing that the ledger has.
    pub fn complete_since(&self) -> Timestamp {
        let since = self.complete_since.load(Ordering::Relaxed);
        Timestamp::from_microsecond(since).unwrap_or(Timestamp::MIN)
    }

    /// Decisions that were left out of the ledger's index since the start, of a flood; the
    /// audit log has them.
    pub fn left_out(&self) -> u64 {
        self.metrics.decisions_unindexed.get()
    }
}

/// Before this, nothing is remembered.
fn before(now: Timestamp) -> Timestamp {
    now.checked_sub(RECENT).unwrap_or(Timestamp::MIN)
}

impl RecentDenial {
    fn of(decision: Decision, default_host: &RegistryHost) -> Self {
        let image = ImageRef::parse(&decision.image, default_host).ok();
        let first = decision.denials.first();
        let text = |text: Option<&String>| readable(text.map_or("", |it| it), MAX_TEXT_CHARS);
        Self {
            repository: image.map(|image| image.repository().clone()),
            detail: text(first.map(|it| &it.detail)),
            next_step: text(first.map(|it| &it.next_step)),
            id: decision.id,
            time: decision.time,
            count: decision.count,
            door: decision.door,
            environment: decision.environment,
            verdict: decision.verdict,
            reasons: decision.reasons,
            image: decision.image,
            upstream: decision.upstream,
            digest: decision.digest,
            principal: decision.principal,
            unauthenticated: decision.unauthenticated,
            client: decision.client,
            location: decision.location,
        }
    }
}

impl HeapSize for RecentDenial {
    fn heap_size(&self) -> usize {
        let location = self.location.as_ref().map_or(0, |it| {
            it.cluster.heap_size() + it.namespace.heap_size() + it.workload.heap_size()
        });
        self.id.heap_size()
            + self.reasons.capacity() * size_of::<DenialReason>()
            + self.image.heap_size()
            + self.repository.heap_size()
            + self.principal.heap_size()
            + self.client.heap_size()
            + self.detail.heap_size()
            + self.next_step.heap_size()
            + location
    }
}
