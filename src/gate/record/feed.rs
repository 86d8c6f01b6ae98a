//! The live feed: decisions, told to who listens after they were recorded and never before.
//!
//! It follows the ledger's index, where the decisions of other replicas stand too: one
//! order for all, whose positions a reader may go on behind later. What the index leaves
//! out of a flood is passed on when the audit log has it, without a position. Nobody waits
//! for a reader: one that falls behind by more than [`MAX_PENDING`] is dropped, is told so,
//! and may come back behind the last position that it has.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, broadcast};

use super::feed_places::{FeedPlace, FeedPlaces};
use crate::ledger::{Ledger, LedgerError, PlacedDecision};
use crate::metrics::Metrics;
use crate::trust::Decision;

/// Decisions that wait for the slowest reader, at most; without their checks, each takes
/// some kilobytes.
const MAX_PENDING: usize = 4096;
/// Decisions read from the ledger at once.
pub(super) const PAGE: u32 = 256;
/// Decisions that a reader who comes back is told of those it missed, at most.
const MAX_RESUMED: u64 = 10_000;
/// Decisions of other replicas are told within this.
const POLL_PERIOD: Duration = Duration::from_millis(500);

/// A decision as it is told: without its checks and its denials in words.
#[derive(Clone, Debug)]
pub struct FedDecision {
    /// Where it stands in the order of writing; `None`: only the audit log has it.
    pub position: Option<u64>,
    pub decision: Arc<Decision>,
}

/// Where a reader begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedStart {
    /// With what is decided from now on.
    Now,
    /// With what was decided since then.
    Since(Timestamp),
    /// Behind the last position that it has.
    Behind(u64),
}

/// Why there is nothing to read.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error("too many follow the decisions already")]
    Full,
    /// It was dropped for being too slow.
    #[error("the reader was too slow, and missed {0}")]
    TooSlow(u64),
    #[error("the program stops")]
    Closed,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Tells decisions to its readers.
pub struct DecisionFeed {
    ledger: Arc<Ledger>,
    /// `None` once it is closed.
    live: Mutex<Option<broadcast::Sender<FedDecision>>>,
    /// What was written up to here has been told.
    told: AtomicU64,
    written: Notify,
    places: Arc<FeedPlaces>,
}

impl DecisionFeed {
    pub fn new(ledger: Arc<Ledger>, metrics: Metrics) -> Self {
        Self {
            ledger,
            live: Mutex::new(Some(broadcast::Sender::new(MAX_PENDING))),
            told: AtomicU64::new(0),
            written: Notify::new(),
            places: Arc::new(FeedPlaces::new(metrics)),
        }
    }

    /// A place for a reader under the name of who asks.
    pub(super) fn take_place(&self, name: &str) -> Result<FeedPlace, FeedError> {
        self.places.take(name).ok_or(FeedError::Full)
    }

    /// Behind which position a reader begins, and how many it is not told of.
    pub(super) async fn begin(&self, start: FeedStart) -> Result<(u64, u64), FeedError> {
        let newest = self.ledger.newest_position().await?;
        let wanted = match start {
            FeedStart::Now => newest,
            FeedStart::Since(time) => self.ledger.position_before(time).await?,
            // Of another ledger, or of one that lost something.
            FeedStart::Behind(position) => position.min(newest),
        };
        let behind = wanted.max(newest.saturating_sub(MAX_RESUMED));
        Ok((behind, behind - wanted))
    }

    /// What is told from now on.
    pub(super) fn listen(&self) -> Result<broadcast::Receiver<FedDecision>, FeedError> {
        let live = self.live();
        live.as_ref()
            .map(broadcast::Sender::subscribe)
            .ok_or(FeedError::Closed)
    }

    pub(super) async fn behind(&self, position: u64) -> Result<Vec<PlacedDecision>, LedgerError> {
        self.ledger.decisions_behind(position, PAGE).await
    }

    /// Tells what was written until `stopped`, and then ends every reader.
    pub async fn run(&self, stopped: impl Future<Output = ()>) {
        tokio::pin!(stopped);
        loop {
            let due = async {
                tokio::select! {
                    () = self.written.notified() => {}
                    () = tokio::time::sleep(POLL_PERIOD) => {}
                }
            };
            tokio::select! {
                () = due => {}
                () = &mut stopped => break,
            }
            if let Err(error) = self.tell_once().await {
                tracing::error!(%error, "decisions not told to who follows them");
                tokio::time::sleep(POLL_PERIOD).await;
            }
        }
        self.live().take();
    }

    /// Tells what was written since the last time. Who listens by now missed nothing that
    /// was written before.
    ///
    /// # Errors
    /// [`LedgerError`] where the ledger cannot be read; the next call goes on from there.
    pub async fn tell_once(&self) -> Result<(), LedgerError> {
        let newest = self.ledger.newest_position().await?;
        if !self.is_heard(newest) {
            return Ok(());
        }
        loop {
            let page = self.behind(self.told.load(Ordering::Relaxed)).await?;
            let is_last = page.len() < PAGE as usize;
            for placed in page {
                self.told.store(placed.position, Ordering::Relaxed);
                self.send(Some(placed.position), placed.decision);
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Whether somebody listens. If not, all up to `newest`, which was read before, counts
    /// as told: a reader that comes now begins behind it.
    fn is_heard(&self, newest: u64) -> bool {
        let live = self.live();
        let heard = live.as_ref().is_some_and(|live| live.receiver_count() > 0);
        if !heard {
            self.told.store(newest, Ordering::Relaxed);
        }
        heard
    }

    /// The ledger has more.
    pub(super) fn note_written(&self) {
        self.written.notify_one();
    }

    /// Tells a decision that the audit log has, and the ledger will not.
    pub(super) fn pass_on(&self, decision: &Decision) {
        self.send(None, decision.clone());
    }

    fn send(&self, position: Option<u64>, decision: Decision) {
        let decision = Arc::new(in_brief(decision));
        if let Some(live) = self.live().as_ref() {
            // An error says that nobody listens.
            let _ = live.send(FedDecision { position, decision });
        }
    }

    fn live(&self) -> MutexGuard<'_, Option<broadcast::Sender<FedDecision>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count_dropped(&self) {
        self.places.count_dropped();
    }
}

pub(super) fn in_brief(decision: Decision) -> Decision {
    Decision {
        denials: Vec::new(),
        checks: Vec::new(),
        ..decision
    }
}
