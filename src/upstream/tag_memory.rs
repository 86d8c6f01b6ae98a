//! What upstreams said of their tags, for a short while.
//!
//! A tag is looked up once for all who ask at the same time, again in the
//! background at half of its time, and waited for only when that has run out.
//! While its upstream is down the last known digest is given, marked stale; the
//! gate decides what that is worth.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use quick_cache::sync::Cache;

use crate::flight::Flights;
use crate::oci::{Digest, Reference, RepositoryName};
use crate::tasks::Tasks;

use super::{ManifestHead, Upstream, UpstreamError};

/// The memory of one upstream. Cloning shares it.
#[derive(Clone)]
pub struct TagMemory(Arc<Memory>);

struct Memory {
    upstream: Upstream,
    tasks: Tasks,
    known: Cache<Key, Known>,
    absent: Cache<Key, Timestamp>,
    flights: Flights<Key, Result<Known, UpstreamError>>,
}

type Key = (RepositoryName, Reference);

#[derive(Clone)]
struct Known {
    head: ManifestHead,
    checked_at: Timestamp,
    /// When it is looked up again in the background.
    refresh_at: Timestamp,
}

/// What is known of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
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
        let capacity = upstream.config().tag_capacity.max(16);
        Self(Arc::new(Memory {
            upstream,
            tasks,
            known: Cache::new(capacity),
            // Names that do not exist must not push out those that do.
            absent: Cache::new((capacity / 8).max(16)),
            flights: Flights::default(),
        }))
    }

    /// What is known now, without waiting: `None` where the upstream must be
    /// asked, or a refresh is due; [`Self::resolve`] does both.
    pub fn known(
        &self,
        name: &RepositoryName,
        reference: &Reference,
        now: Timestamp,
    ) -> Option<Resolved> {
        let known = self.0.known.get(&(name.clone(), reference.clone()))?;
        (now < known.refresh_at && !self.0.is_expired(&known, now))
            .then(|| self.0.resolved(known, now))
    }

    /// The last digest that was learnt, however long ago.
    pub fn last_known(&self, name: &RepositoryName, reference: &Reference) -> Option<Digest> {
        let known = self.0.known.get(&(name.clone(), reference.clone()))?;
        Some(known.head.digest)
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
    ) -> Result<Resolved, UpstreamError> {
        let memory = &self.0;
        let key = (name.clone(), reference.clone());
        if memory.is_absent(&key, now) {
            return Err(UpstreamError::NotFound);
        }
        let known = memory.known.get(&key);
        if let Some(known) = known.clone().filter(|known| !memory.is_expired(known, now)) {
            self.refresh_if_due(&key, &known, now);
            return Ok(memory.resolved(known, now));
        }
        match (memory.look_up(&key, now).await, known) {
            (Ok(found), _) => Ok(memory.resolved(found, now)),
            (Err(error), Some(known)) if error.is_transient() => {
                memory.upstream.meter().stale_tag();
                Ok(memory.resolved(known, now))
            }
            (Err(error), _) => Err(error),
        }
    }

    fn refresh_if_due(&self, key: &Key, known: &Known, now: Timestamp) {
        if now < known.refresh_at {
            return;
        }
        // Moved on first, so that one refresh runs, and a failed one rests.
        let mut known = known.clone();
        known.refresh_at = later(now, self.0.ttl() / 4);
        // One that was forgotten meanwhile stays so.
        let _ = self.0.known.replace(key.clone(), known, false);
        let (memory, key) = (self.0.clone(), key.clone());
        self.0.tasks.spawn_isolated("tag refresh", async move {
            if let Err(error) = memory.look_up(&key, now).await {
                tracing::debug!(upstream = %memory.upstream.name(), %error, "a tag was not refreshed");
            }
        });
    }
}

impl Memory {
    fn ttl(&self) -> Duration {
        self.upstream.config().tag_ttl
    }

    fn is_expired(&self, known: &Known, now: Timestamp) -> bool {
        now >= later(known.checked_at, self.ttl())
    }

    fn is_absent(&self, key: &Key, now: Timestamp) -> bool {
        let ttl = self.upstream.config().absent_ttl.min(self.ttl());
        let since = self.absent.get(key);
        since.is_some_and(|since| now < later(since, ttl))
    }

    fn resolved(&self, known: Known, now: Timestamp) -> Resolved {
        let age = now.duration_since(known.checked_at);
        Resolved {
            stale: self.is_expired(&known, now),
            age: age.try_into().unwrap_or_default(),
            head: known.head,
        }
    }

    async fn look_up(self: &Arc<Self>, key: &Key, now: Timestamp) -> Result<Known, UpstreamError> {
        let start = || {
            let (memory, key) = (self.clone(), key.clone());
            async move { memory.ask(key, now).await }
        };
        self.flights.join(key, start).await
    }

    /// Asks the upstream and remembers what it says. A 404 is final; no other
    /// failure takes back what it said before.
    async fn ask(&self, key: Key, now: Timestamp) -> Result<Known, UpstreamError> {
        let asked = self.upstream.head_manifest(&key.0, &key.1).await;
        let outcome = asked.map(|head| Known {
            head,
            checked_at: now,
            refresh_at: later(now, self.ttl() / 2),
        });
        match &outcome {
            Ok(known) => {
                self.absent.remove(&key);
                self.known.insert(key, known.clone());
            }
            Err(UpstreamError::NotFound) => {
                self.known.remove(&key);
                self.absent.insert(key, now);
            }
            Err(_) => {}
        }
        outcome
    }
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}
