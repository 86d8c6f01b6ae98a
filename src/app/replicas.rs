//! The replicas that serve the same ledger, as they tell of themselves there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::api::ReplicaView;
use crate::ledger::{Ledger, LedgerError, REPLICA_LIVES_FOR, Replica};
use crate::metrics::Metrics;
use crate::random;
use crate::replica_count::ReplicaCount;

/// This replica, and what it knows of the others.
pub struct KnownReplicas {
    ledger: Arc<Ledger>,
    metrics: Metrics,
    own: Replica,
    others: Mutex<Vec<Replica>>,
    count: ReplicaCount,
}

impl KnownReplicas {
    /// A new process, alone until others are known.
    pub(super) fn new(ledger: Arc<Ledger>, metrics: Metrics, now: Timestamp) -> Self {
        let name = rustix::system::uname();
        let own = Replica {
            id: hex::encode(random::bytes::<8>()),
            name: name.nodename().to_string_lossy().into_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: now,
            age: SignedDuration::ZERO,
            change: 0,
        };
        Self {
            ledger,
            metrics,
            own,
            others: Mutex::default(),
            count: ReplicaCount::default(),
        }
    }

    /// Of this process.
    pub fn id(&self) -> &str {
        &self.own.id
    }

    /// How many serve.
    pub(super) fn count(&self) -> &ReplicaCount {
        &self.count
    }

    /// Tells of this replica, and reads what the others told.
    ///
    /// # Errors
    /// [`LedgerError`] where the ledger cannot be asked: what was known stays.
    pub async fn once(&self, now: Timestamp) -> Result<(), LedgerError> {
        if self.ledger.is_shared() {
            self.ledger.tell_replica(&self.now(), now).await?;
            let mut told = self.ledger.replicas(now).await?;
            told.retain(|it| it.id != self.own.id);
            *self.others() = told;
        }
        let live = self.others().iter().filter(|it| is_live(it)).count() + 1;
        self.count.set(u32::try_from(live).unwrap_or(u32::MAX));
        self.metrics
            .replicas
            .count
            .set(i64::try_from(live).unwrap_or(i64::MAX));
        Ok(())
    }

    /// Every replica, this one first.
    pub fn known(&self) -> Vec<ReplicaView> {
        let own = self.now();
        let others = self.others().clone();
        let newest = others.iter().map(|it| it.change).max().unwrap_or(0);
        let newest = newest.max(own.change);
        let each = |replica: &Replica| view(replica, newest, replica.id == self.own.id);
        std::iter::once(&own).chain(&others).map(each).collect()
    }

    /// Says that this replica has ended.
    pub(super) async fn forget(&self, now: Timestamp) {
        if !self.ledger.is_shared() {
            return;
        }
        if let Err(error) = self.ledger.forget_replica(&self.own.id, now).await {
            tracing::warn!(%error, "others learn of this end by its silence");
        }
    }

    fn now(&self) -> Replica {
        Replica {
            change: self.ledger.index().seq(),
            ..self.own.clone()
        }
    }

    fn others(&self) -> MutexGuard<'_, Vec<Replica>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_live(replica: &Replica) -> bool {
    replica.age < REPLICA_LIVES_FOR
}

fn view(replica: &Replica, newest: u64, is_this: bool) -> ReplicaView {
    ReplicaView {
        id: replica.id.clone(),
        name: replica.name.clone(),
        version: replica.version.clone(),
        started_at: replica.started,
        seen_ago_s: replica.age.as_secs(),
        changes_behind: newest.saturating_sub(replica.change),
        live: is_live(replica),
        this: is_this,
    }
}
