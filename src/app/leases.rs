//! Work that one replica at a time does, held by leases in the ledger.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as SyncMutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::ledger::{Ledger, LedgerError};
use crate::metrics::{Metrics, SharedWork, SharedWorkLabels};

/// For how long work is taken. A replica that dies is followed within this and one period.
const LEASE_DURATION: Duration = Duration::from_secs(10);
/// How often it is taken for longer.
pub(super) const PERIOD: Duration = Duration::from_secs(3);
/// By how much a holder stops earlier than others begin.
const EXPIRY_MARGIN: Duration = Duration::from_secs(1);

/// Which work this replica holds. Where only one process can serve the ledger, all of it,
/// without a question.
pub struct Leases {
    ledger: Arc<Ledger>,
    metrics: Metrics,
    /// The replica's id.
    holder: String,
    held: SyncMutex<HeldWork>,
    /// One after the other, so that nothing is taken behind the back of a release.
    turn: Mutex<()>,
}

/// Until when each work is held. Not by the time of day, which can be set back.
#[derive(Debug, Default)]
struct HeldWork(HashMap<SharedWork, Instant>);

impl HeldWork {
    fn holds(&self, work: SharedWork, now: Instant) -> bool {
        self.0.get(&work).is_some_and(|until| now < *until)
    }

    /// It was granted when the ledger was asked at `asked`, or refused.
    fn note(&mut self, work: SharedWork, asked: Instant, granted: bool) {
        match granted {
            true => self.0.insert(work, asked + LEASE_DURATION - EXPIRY_MARGIN),
            false => self.0.remove(&work),
        };
    }
}

impl Leases {
    pub(super) fn new(ledger: Arc<Ledger>, metrics: Metrics, holder: String) -> Self {
        Self {
            ledger,
            metrics,
            holder,
            held: SyncMutex::default(),
            turn: Mutex::default(),
        }
    }

    /// Whether this replica may do that work now; to be asked before each act. Never at
    /// two replicas at once, and at none while the ledger cannot be asked for long.
    pub fn held(&self, work: SharedWork) -> bool {
        !self.ledger.is_shared() || self.state().holds(work, Instant::now())
    }

    /// Takes, or takes for longer, what nobody else holds.
    ///
    /// # Errors
    /// [`LedgerError`] where the ledger cannot be written: what is held ends by itself.
    pub async fn once(&self, now: Timestamp) -> Result<(), LedgerError> {
        let taken = match self.ledger.is_shared() {
            true => self.take_all(now).await,
            false => Ok(()),
        };
        for &work in SharedWork::ALL {
            let labels = SharedWorkLabels { work };
            let gauge = self.metrics.replicas.work_held.get_or_create_owned(&labels);
            gauge.set(i64::from(self.held(work)));
        }
        taken
    }

    async fn take_all(&self, now: Timestamp) -> Result<(), LedgerError> {
        let _turn = self.turn.lock().await;
        for &work in SharedWork::ALL {
            let asked = Instant::now();
            let name = work.as_str();
            let taken = self
                .ledger
                .take_lease(name, &self.holder, LEASE_DURATION, now);
            let granted = taken.await?.is_some();
            self.state().note(work, asked, granted);
        }
        Ok(())
    }

    /// Gives everything back, at the end of this replica.
    pub(super) async fn release(&self) {
        if !self.ledger.is_shared() {
            return;
        }
        let _turn = self.turn.lock().await;
        *self.state() = HeldWork::default();
        if let Err(error) = self.ledger.release_leases(&self.holder).await {
            tracing::warn!(%error, "leases are not given back; they end by themselves");
        }
    }

    fn state(&self) -> MutexGuard<'_, HeldWork> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn work_is_held_for_less_than_it_was_granted_from_before_the_question() {
        let (mut held, asked) = (HeldWork::default(), Instant::now());
        let work = SharedWork::Pruning;
        assert!(!held.holds(work, asked));
        held.note(work, asked, true);
        assert!(held.holds(work, asked + 8 * SECOND));
        assert!(!held.holds(work, asked + 9 * SECOND));
        assert!(!held.holds(SharedWork::Webhooks, asked));
        held.note(work, asked + 5 * SECOND, true);
        assert!(held.holds(work, asked + 13 * SECOND));
        held.note(work, asked + 6 * SECOND, false);
        assert!(!held.holds(work, asked + 6 * SECOND));
    }

    #[test]
    fn a_dead_holder_is_followed_within_fifteen_seconds() {
        assert!(LEASE_DURATION + PERIOD < 15 * SECOND);
        assert!(
            2 * PERIOD < LEASE_DURATION - EXPIRY_MARGIN,
            "one lost renewal loses nothing"
        );
    }
}
