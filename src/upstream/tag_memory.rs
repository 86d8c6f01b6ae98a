//! A short memory of what upstreams answered for their tags.
//!
//! A tag is looked up once for all who ask at the same time, again in the
//! background at half of its time, and waited for only when that has run out.
//! While its upstream is down the last known digest is given, marked stale; the
//! gate decides what that is worth.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use crate::flight::SingleFlight;
use crate::memory::{BoundedMemory, HeapSize, Validity};
use crate::oci::{Digest, Reference, RepositoryName};
use crate::tasks::Tasks;

use super::{ManifestHead, Upstream, UpstreamError};

/// The memory of one upstream. Cloning shares it.
#[derive(Clone)]
pub struct TagMemory(Arc<Memory>);

struct Memory {
    upstream: Upstream,
    tasks: Tasks,
    /// Each holds for `tag_ttl`; then it is only the last known.
    known: BoundedMemory<Key, Arc<Known>>,
    /// Names that do not exist must not push out those that do.
    absent: BoundedMemory<Key, ()>,
    flights: SingleFlight<Key, Result<Arc<Known>, UpstreamError>>,
}

type Key = (RepositoryName, Reference);

struct Known {
    head: ManifestHead,
    checked_at: Timestamp,
    /// From when on it is looked up again in the background, in microseconds
    /// since the epoch.
    refresh_at: AtomicI64,
}

impl HeapSize for Known {
    fn heap_size(&self) -> usize {
        self.head.digest.heap_size() + self.head.media_type.heap_size()
    }
}

/// What is known of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedTag {
    pub head: ManifestHead,
    /// Time since the upstream said so.
    pub age: Duration,
    /// Older than `tag_ttl`, given because the upstream cannot be asked.
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
            absent: BoundedMemory::new(limit / 8),
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
        if memory.absent.get(&key, now).is_some() {
            return Err(UpstreamError::NotFound);
        }
        if let Some(known) = memory.known.get(&key, now) {
            self.refresh_if_due(&key, &known, now);
            return Ok(known.resolved(now, false));
        }
        match (memory.look_up(&key, now).await, memory.known.last(&key)) {
            (Ok(found), _) => Ok(found.resolved(now, false)),
            (Err(error), Some(known)) if error.is_transient() => {
                memory.upstream.metrics_of().stale_tag();
                Ok(known.resolved(now, true))
            }
            (Err(error), _) => Err(error),
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
        let asked = self.upstream.head_manifest(&key.0, &key.1).await;
        let outcome = asked.map(|head| Arc::new(self.learnt(head, now)));
        match &outcome {
            Ok(known) => {
                self.absent.remove(&key);
                let validity = lasting(now, self.ttl());
                self.known.insert(key, known.clone(), validity);
            }
            Err(UpstreamError::NotFound) => {
                self.known.remove(&key);
                let validity = lasting(now, self.absent_ttl());
                self.absent.insert(key, (), validity);
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
        }
    }
}

fn lasting(from: Timestamp, time_to_live: Duration) -> Validity {
    Validity::until(from, Some(later(from, time_to_live)))
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}
