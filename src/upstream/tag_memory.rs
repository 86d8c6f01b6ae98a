//! A short memory of what upstreams answered for their tags.
//!
//! A tag is looked up once for all who ask at the same time, again in the
//! background at half of its time, and waited for only when that has run out, and only
//! briefly where an older answer is known: the question goes on in the background, and
//! its answer counts for those who ask next. While its upstream is down or silent the
//! last known digest is given, marked stale; the gate decides what that is worth.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::flight::SingleFlight;
use crate::memory::{BoundedMemory, HeapSize, Validity};
use crate::metrics::UpstreamCause;
use crate::oci::{Digest, Reference, RepositoryName};
use crate::tasks::Tasks;

use super::{ManifestHead, Upstream, UpstreamError};

/// How long the upstream is waited for where there is an older answer to give. A pull
/// of a known tag takes less than a second.
const KNOWN_TAG_TIMEOUT: Duration = Duration::from_millis(800);

/// The memory of one upstream. Cloning shares it.
#[derive(Clone)]
pub struct TagMemory(Arc<Memory>);

struct Memory {
    upstream: Upstream,
    tasks: Tasks,
    /// Each holds for `tag_ttl`; then it is only the last known.
    known: BoundedMemory<Key, Arc<Known>>,
    /// Why each could not be had, mostly since it does not exist. Such names must not
    /// push out those that do.
    refused: BoundedMemory<Key, UpstreamError>,
    flights: SingleFlight<Key, Result<Arc<Known>, UpstreamError>>,
}

type Key = (RepositoryName, Reference);

struct Known {
    head: ManifestHead,
    checked_at: Timestamp,
    /// From when on it is looked up again in the background, in microseconds
    /// since the epoch.
    refresh_at: AtomicI64,
    /// Somebody has waited in vain for the question that is under way.
    overdue: AtomicBool,
}

impl HeapSize for Known {
    fn heap_size(&self) -> usize {
        self.head.digest.heap_size()
    }
}

/// What is known of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedTag {
    pub head: ManifestHead,
    /// Time since the upstream said so.
    pub age: Duration,
    /// Older than `tag_ttl`, given because the upstream cannot be asked or is silent.
    pub stale: bool,
}

impl TagMemory {
    /// An empty memory. `upstream`'s configuration holds its times and bounds;
    /// refreshes run in `tasks`.
    pub fn new(upstream: Upstream, tasks: Tasks) -> Self {
        let limit = upstream.config().tag_memory;
        Self(Arc::new(Memory {
            upstream,
            tasks,
            known: BoundedMemory::new(limit - limit / 8),
            refused: BoundedMemory::new(limit / 8),
            flights: SingleFlight::default(),
        }))
    }

    /// What is known now, without waiting: `None` where the upstream must be
    /// asked, or a refresh is due; [`Self::resolve`] does both.
    pub fn known(
        &self,
        name: &RepositoryName,
        reference: &Reference,
        now: Timestamp,
    ) -> Option<ResolvedTag> {
        let known = self.0.known.get(&Wanted(name, reference), now)?;
        (!known.is_refresh_due(now)).then(|| known.resolved(now, false))
    }

    /// The last digest that was learnt, however long ago.
    pub fn last_known(&self, name: &RepositoryName, reference: &Reference) -> Option<Digest> {
        let known = self.0.known.last(&Wanted(name, reference))?;
        Some(known.head.digest.clone())
    }

    /// The digest of a tag. A digest may be given too: whether the upstream
    /// still has it is remembered for as long.
    ///
    /// # Errors
    /// Those of [`Upstream::head_manifest`]. An outage or a rate limit is one
    /// only where nothing was known before.
    pub async fn resolve(
        &self,
        name: &RepositoryName,
        reference: &Reference,
        now: Timestamp,
    ) -> Result<ResolvedTag, UpstreamError> {
        let memory = &self.0;
        let key = (name.clone(), reference.clone());
        if let Some(error) = memory.refused.get(&key, now) {
            return Err(error);
        }
        if let Some(known) = memory.known.get(&key, now) {
            self.refresh_if_due(&key, &known, now);
            return Ok(known.resolved(now, false));
        }
        match memory.known.last(&key) {
            Some(known) => memory.resolve_again(&key, &known, now).await,
            None => Ok(memory.look_up(&key, now).await?.resolved(now, false)),
        }
    }

    /// The same for who has another answer to give: a silent upstream is waited for
    /// only briefly, also where nothing is known.
    ///
    /// # Errors
    /// Those of [`Self::resolve`], and [`UpstreamError::Unavailable`] in place of the
    /// wait.
    pub async fn resolve_soon(
        &self,
        name: &RepositoryName,
        reference: &Reference,
        now: Timestamp,
    ) -> Result<ResolvedTag, UpstreamError> {
        let (memory, key) = (&self.0, (name.clone(), reference.clone()));
        let known = memory.known.last(&key).is_some() || memory.refused.get(&key, now).is_some();
        if known {
            return self.resolve(name, reference, now).await;
        }
        match timeout(KNOWN_TAG_TIMEOUT, memory.ask_in_background(&key, now)).await {
            Ok(Some(outcome)) => Ok(outcome?.resolved(now, false)),
            Ok(None) | Err(_) => {
                let detail = "no answer yet";
                Err(UpstreamError::unavailable(UpstreamCause::TimedOut, detail))
            }
        }
    }

    fn refresh_if_due(&self, key: &Key, known: &Known, now: Timestamp) {
        if !known.begins_refresh(now, self.0.ttl() / 4) {
            return;
        }
        let (memory, key) = (self.0.clone(), key.clone());
        self.0.tasks.spawn_isolated("tag refresh", async move {
            if let Err(error) = memory.look_up(&key, now).await {
                tracing::debug!(upstream = %memory.upstream.name(), %error, "a tag was not refreshed");
            }
        });
    }
}

/// A [`Key`] that is looked for.
#[derive(Hash)]
struct Wanted<'a>(&'a RepositoryName, &'a Reference);

impl PartialEq<Key> for Wanted<'_> {
    fn eq(&self, (name, reference): &Key) -> bool {
        self.0 == name && self.1 == reference
    }
}

impl Known {
    fn is_refresh_due(&self, now: Timestamp) -> bool {
        now.as_microsecond() >= self.refresh_at.load(Ordering::Relaxed)
    }

    /// Whether the caller is to refresh it: one refresh runs, and after a failed
    /// one the next waits for `rest`.
    fn begins_refresh(&self, now: Timestamp, rest: Duration) -> bool {
        let due = self.refresh_at.load(Ordering::Relaxed);
        let next = later(now, rest).as_microsecond();
        let (at, order) = (&self.refresh_at, Ordering::Relaxed);
        now.as_microsecond() >= due && at.compare_exchange(due, next, order, order).is_ok()
    }

    fn resolved(&self, now: Timestamp, stale: bool) -> ResolvedTag {
        let age = now.duration_since(self.checked_at);
        ResolvedTag {
            stale,
            age: age.try_into().unwrap_or_default(),
            head: self.head.clone(),
        }
    }
}

impl Memory {
    fn ttl(&self) -> Duration {
        self.upstream.config().tag_ttl
    }

    fn absent_ttl(&self) -> Duration {
        self.upstream.config().absent_ttl.min(self.ttl())
    }

    /// Asks again for what is `known` from before: if the answer does not come soon, the
    /// question goes on without the asker. Whoever asks while it is overdue does not
    /// wait at all.
    async fn resolve_again(
        self: &Arc<Self>,
        key: &Key,
        known: &Known,
        now: Timestamp,
    ) -> Result<ResolvedTag, UpstreamError> {
        let stale = || {
            self.upstream.metrics_of().stale_tag();
            Ok(known.resolved(now, true))
        };
        if known.overdue.load(Ordering::Relaxed) && self.flights.is_under_way(key) {
            return stale();
        }
        known.overdue.store(false, Ordering::Relaxed);
        match timeout(KNOWN_TAG_TIMEOUT, self.ask_in_background(key, now)).await {
            Ok(Some(Ok(found))) => Ok(found.resolved(now, false)),
            Ok(Some(Err(error))) if !error.is_transient() => Err(error),
            Ok(Some(Err(_)) | None) => stale(),
            Err(_) => {
                known.overdue.store(true, Ordering::Relaxed);
                stale()
            }
        }
    }

    /// The answer of a look-up that goes on when nobody waits for it; `None`: it broke
    /// off, since the program stops.
    async fn ask_in_background(
        self: &Arc<Self>,
        key: &Key,
        now: Timestamp,
    ) -> Option<Result<Arc<Known>, UpstreamError>> {
        let (tell, told) = oneshot::channel();
        let (memory, key) = (self.clone(), key.clone());
        self.tasks.spawn_isolated("asking for a tag", async move {
            let _ = tell.send(memory.look_up(&key, now).await);
        });
        told.await.ok()
    }

    async fn look_up(
        self: &Arc<Self>,
        key: &Key,
        now: Timestamp,
    ) -> Result<Arc<Known>, UpstreamError> {
        let start = || {
            let (memory, key) = (self.clone(), key.clone());
            async move { memory.ask(key, now).await }
        };
        self.flights.join(key, start).await
    }

    /// Asks the upstream and remembers what it says. A 404 is final; no other
    /// failure takes back what it said before.
    async fn ask(&self, key: Key, now: Timestamp) -> Result<Arc<Known>, UpstreamError> {
        let begun = Instant::now();
        let asked = self.upstream.head_manifest(&key.0, &key.1).await;
        let outcome = asked.map(|head| Arc::new(self.learnt(head, now)));
        match &outcome {
            Ok(known) => {
                self.refused.remove(&key);
                let validity = lasting(now, self.ttl());
                self.known.insert(key, known.clone(), validity);
            }
            Err(UpstreamError::NotFound) => {
                self.known.remove(&key);
                let validity = lasting(now, self.absent_ttl());
                self.refused.insert(key, UpstreamError::NotFound, validity);
            }
            // What was known before goes on; what was not is not asked for by each pull.
            Err(error) if self.known.last(&key).is_none() && !self.ttl().is_zero() => {
                let lifetime = error.remembered_for().min(self.ttl());
                let validity = lasting(now, begun.elapsed() + lifetime);
                self.refused.insert(key, error.clone(), validity);
            }
            Err(_) => {}
        }
        outcome
    }

    fn learnt(&self, head: ManifestHead, now: Timestamp) -> Known {
        Known {
            head,
            checked_at: now,
            refresh_at: AtomicI64::new(later(now, self.ttl() / 2).as_microsecond()),
            overdue: AtomicBool::new(false),
        }
    }
}

fn lasting(from: Timestamp, time_to_live: Duration) -> Validity {
    Validity::until(from, Some(later(from, time_to_live)))
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}
