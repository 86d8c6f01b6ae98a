//! Digests that somebody spoke against, and of which nobody here knows what lies below.
//!
//! What is said against an index holds for its children. Only its manifest names those, and a
//! child that was pulled by its own digest does not know its index. So an index is read
//! unasked once it is revoked or blocked: where it was named, and in repositories that are
//! known, since the same digest is the same index wherever it lies.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;

use super::closures::{Closures, KnownClosure};
use super::refusal::Refusal;
use super::upstreams::Upstreams;
use crate::ledger::{Ledger, LedgerError};
use crate::memory::{BoundedMemory, Validity};
use crate::oci::{Digest, Repository};
use crate::trust::Rulebook;

/// Digests that are kept to be asked for again where they were named.
const MAX_NAMED: usize = 1000;
/// Repositories in which digests are looked for that were named elsewhere, or nowhere.
const MAX_REPOSITORIES: usize = 256;
/// Places that are looked at in one round, to find some that were not asked yet.
const MAX_PLACES: usize = 50_000;
/// Upstreams are asked so often in one round, at most: where somebody named a digest, and in
/// one other place, since a list of a thousand digests is looked for in each repository.
const MAX_READS: usize = 8;
const MAX_READS_ELSEWHERE: usize = 1;
/// The longest time for one of them.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// Where a digest is absent, or cannot be read safely, it is not looked for again as long.
const ABSENT_FOR: SignedDuration = SignedDuration::from_hours(24);
/// The same where the upstream failed.
const FAILED_FOR: SignedDuration = SignedDuration::from_secs(15);
/// Bytes of places that were asked in vain.
const MAX_ASKED_BYTES: u64 = 16 << 20;
/// Where nothing is left to ask, new repositories are looked for after this.
const IDLE_FOR: SignedDuration = SignedDuration::from_secs(60);

type Place = (Repository, Digest);

/// Reads what is spoken against and not known.
pub struct UnreadDigests {
    ledger: Arc<Ledger>,
    upstreams: Arc<Upstreams>,
    closures: Arc<Closures>,
    /// Where somebody named a digest, and it was not read yet.
    named: Mutex<Vec<Place>>,
    /// Places that were asked, and had nothing.
    asked: BoundedMemory<Place, ()>,
    idle: Mutex<Option<Idle>>,
}

/// Nothing is left to ask until then, or until more is spoken against.
#[derive(Clone, Copy)]
struct Idle {
    until: Timestamp,
    basis: Basis,
}

/// The newest revocation, and the policy.
type Basis = (u64, u64);

impl UnreadDigests {
    pub(super) fn new(
        ledger: Arc<Ledger>,
        upstreams: Arc<Upstreams>,
        closures: Arc<Closures>,
    ) -> Self {
        Self {
            ledger,
            upstreams,
            closures,
            named: Mutex::default(),
            asked: BoundedMemory::new(MAX_ASKED_BYTES),
            idle: Mutex::default(),
        }
    }

    /// Whether it is known what lies below a digest: it was read as a manifest, or is a config
    /// or layer of one.
    pub(super) fn is_read(&self, digest: &Digest) -> bool {
        let index = self.ledger.index();
        let other = index.alias(digest);
        [Some(digest), other.as_ref()]
            .into_iter()
            .flatten()
            .any(|it| {
                let mut places = index.repositories(it).into_iter();
                places.any(|repository| {
                    index.closure(&repository, it).is_some()
                        || !index.images_holding(&repository, it, 1).is_empty()
                })
            })
    }

    /// Where it cannot be read now, [`UnreadDigests::once`] asks there again.
    pub(super) fn remember(&self, repository: &Repository, digest: &Digest) {
        let mut named = lock(&self.named);
        let place = (repository.clone(), digest.clone());
        if named.len() < MAX_NAMED && !named.contains(&place) {
            named.push(place);
        }
    }

    /// One round: asks for some of what was not read yet. `everywhere`: also in repositories
    /// where nobody named it, which one of several replicas does.
    pub async fn once(&self, rulebook: &Rulebook, everywhere: bool, now: Timestamp) {
        if !self.ledger.index().is_complete() {
            return;
        }
        lock(&self.named).retain(|(_, digest)| !self.is_read(digest));
        let mut places = lock(&self.named).clone();
        let basis = (self.ledger.index().withdrawn_at(), rulebook.revision());
        let is_idle = lock(&self.idle).is_some_and(|it| it.basis == basis && now < it.until);
        let searches = everywhere && !is_idle;
        if searches {
            match self.elsewhere(rulebook, now).await {
                Ok(elsewhere) => places.extend(elsewhere),
                Err(error) => tracing::error!(%error, "repositories are not known"),
            }
        }
        places.retain(|it| self.serves(&it.0) && self.asked.get(it, now).is_none());
        if searches && places.is_empty() {
            let until = now.saturating_add(IDLE_FOR).unwrap_or(Timestamp::MAX);
            *lock(&self.idle) = Some(Idle { until, basis });
        }
        for place in places.into_iter().take(MAX_READS) {
            self.read_at(place, now).await;
        }
    }

    /// Known repositories, for each digest that is spoken against and was not read; the newest
    /// revocations first.
    async fn elsewhere(
        &self,
        rulebook: &Rulebook,
        now: Timestamp,
    ) -> Result<Vec<Place>, LedgerError> {
        let digests = self.spoken_against(rulebook, now);
        if digests.is_empty() {
            return Ok(Vec::new());
        }
        let mut repositories = self.ledger.recorded_repositories(MAX_REPOSITORIES).await?;
        repositories.retain(|it| self.serves(it));
        let places = digests.iter().flat_map(|digest| {
            let places = repositories.iter();
            places.map(|repository| (repository.clone(), digest.clone()))
        });
        let unasked = |place: &Place| self.asked.get(place, now).is_none();
        Ok(places
            .take(MAX_PLACES)
            .filter(unasked)
            .take(MAX_READS_ELSEWHERE)
            .collect())
    }

    /// What is revoked or blocked, and was not read.
    fn spoken_against(&self, rulebook: &Rulebook, now: Timestamp) -> Vec<Digest> {
        let mut revoked = self.ledger.index().revoked();
        revoked.sort_by_key(|(_, active)| std::cmp::Reverse(active.iter().map(|it| it.id).max()));
        let revoked = revoked.into_iter().map(|(digest, _)| digest);
        let blocked = rulebook.blocked_digests(now).cloned();
        let all = blocked.chain(revoked);
        all.filter(|digest| !self.is_read(digest)).collect()
    }

    fn serves(&self, repository: &Repository) -> bool {
        let upstream = self.upstreams.get(repository.host());
        upstream.is_some_and(|it| it.serves(repository))
    }

    async fn read_at(&self, place: Place, now: Timestamp) {
        if self.is_read(&place.1) {
            return;
        }
        let again_after = match timeout(READ_WITHIN, self.read(&place, now)).await {
            Ok(Ok(true)) => return,
            Ok(Ok(false)) => ABSENT_FOR,
            Ok(Err(error)) => {
                let (repository, digest) = (&place.0, &place.1);
                tracing::warn!(%error, image.repository = %repository, image.digest = %digest,
                    "what lies below a digest that is spoken against is not known yet");
                FAILED_FOR
            }
            Err(_) => FAILED_FOR,
        };
        self.asked
            .insert(place, (), Validity::lasting(now, again_after));
    }

    /// Whether it lies there, and could be read.
    async fn read(&self, (repository, digest): &Place, now: Timestamp) -> Result<bool, String> {
        let read = match self.closures.find(repository, digest, now).await {
            Ok(KnownClosure::Recorded(_)) => return Ok(true),
            Ok(KnownClosure::Unrecorded(read)) => read,
            Ok(KnownClosure::Unfit(_)) => return Ok(false),
            Err(refusal) if refusal.is_absence() => return Ok(false),
            Err(Refusal::UpstreamFailed(error)) => return Err(error.to_string()),
            Err(_) => return Err("no answer".to_owned()),
        };
        let (closure, aliases) = (&read.closure, &read.aliases);
        let recorded = self.ledger.record_read(repository, closure, aliases);
        recorded.await.map_err(|error| error.to_string())?;
        tracing::info!(image.repository = %repository, image.digest = %digest,
            "what lies below a digest that is spoken against was read");
        Ok(true)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
