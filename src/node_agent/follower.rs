//! Follows gateways: snapshots in, events out.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::backoff::Backoff;
use super::event_queue::EventQueue;
use super::gateway::{Gateways, SnapshotAnswer};
use super::snapshot_keeper::SnapshotKeeper;
use crate::api::NodeSnapshotQuery;
use crate::clock::Clock;
use crate::metrics::AgentMetrics;
use crate::node_snapshot::SnapshotError;
use crate::tasks::HeavyWork;

const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Between two answers at least: a revocation is to be in force within two seconds.
const PAUSE: Duration = Duration::from_millis(250);
/// The same where that gateway has nothing that could be taken.
const LONG_PAUSE: Duration = Duration::from_secs(1);
/// Events of so long travel together.
const GATHERED: Duration = Duration::from_millis(500);
/// What runs is told anew after this long, whatever a gateway may have lost.
const TOLD_ANEW: Duration = Duration::from_secs(300);

/// Follows gateways with what they are asked and told by.
pub(super) struct Follower {
    pub(super) node: String,
    pub(super) gateways: Gateways,
    pub(super) keeper: Arc<SnapshotKeeper>,
    pub(super) events: Arc<EventQueue>,
    pub(super) metrics: AgentMetrics,
    pub(super) clock: Clock,
    pub(super) heavy: HeavyWork,
}

impl Follower {
    /// Holds the newest snapshot, for ever.
    pub(super) async fn follow_snapshots(self: Arc<Self>) {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        let (mut wants_whole, mut told) = (false, String::new());
        loop {
            let query = self.question(std::mem::take(&mut wants_whole));
            match self.gateways.snapshot(&query).await {
                Ok(answer) => {
                    self.metrics.gateway_reached.set(1);
                    backoff.reset();
                    told.clear();
                    let is_behind = matches!(answer, SnapshotAnswer::Unchanged);
                    wants_whole = !self.taken(answer).await;
                    sleep(if is_behind || wants_whole {
                        LONG_PAUSE
                    } else {
                        PAUSE
                    })
                    .await;
                }
                Err(error) => {
                    self.metrics.gateway_reached.set(0);
                    let why = error.to_string();
                    if why != told {
                        let gateway = self.gateways.named();
                        tracing::warn!(
                            error = why,
                            gateway.next = gateway,
                            "no snapshot from the gateway; what is held stays in force"
                        );
                        told = why;
                    }
                    sleep(backoff.next()).await;
                }
            }
        }
    }

    fn question(&self, wants_whole: bool) -> NodeSnapshotQuery {
        let query = NodeSnapshotQuery {
            environment: self.keeper.environment().to_owned(),
            ..NodeSnapshotQuery::default()
        };
        match self.keeper.held().filter(|_| !wants_whole) {
            None => query,
            Some(held) => NodeSnapshotQuery {
                since: Some(held.snapshot().terms().sequence),
                mark: self.keeper.mark().map(|mark| mark.to_string()),
                wait: NodeSnapshotQuery::MAX_WAIT,
                ..query
            },
        }
    }

    /// Whether the next answer may be a delta again.
    async fn taken(&self, answer: SnapshotAnswer) -> bool {
        let (keeper, now) = (self.keeper.clone(), self.clock.now());
        // Beside what is answered: checking and writing take milliseconds.
        let taking = move || match answer {
            SnapshotAnswer::Unchanged => Ok(()),
            SnapshotAnswer::Whole(bytes) => keeper.take(&bytes, now),
            SnapshotAnswer::Delta(bytes) => keeper.take_delta(&bytes, now),
        };
        let Ok(outcome) = self.heavy.run(taking).await else {
            return false;
        };
        match outcome {
            Ok(()) => true,
            // Another replica's clock is behind: what is held is as good.
            Err(SnapshotError::SignedEarlier { .. }) => true,
            Err(error) => {
                tracing::error!(%error, gateway = self.gateways.named(), "a snapshot is not taken; what is held stays in force");
                false
            }
        }
    }

    /// Tells what happens here, for ever.
    pub(super) async fn tell_events(self: Arc<Self>) {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        let mut told_anew = Instant::now();
        loop {
            let _ = timeout(TOLD_ANEW, self.events.changed()).await;
            sleep(GATHERED).await;
            if told_anew.elapsed() >= TOLD_ANEW {
                told_anew = Instant::now();
                self.events.tell_anew();
            }
            while let Some(mut batch) = self.events.take() {
                batch.node.clone_from(&self.node);
                batch.environment = self.keeper.environment().to_owned();
                let held = self.keeper.held();
                batch.snapshot = held.map(|held| held.snapshot().terms().sequence);
                match self.gateways.tell(&batch).await {
                    Ok(()) => backoff.reset(),
                    Err(error) => {
                        tracing::debug!(%error, "the gateway is not told; it is tried again");
                        self.events.give_back(batch);
                        sleep(backoff.next()).await;
                    }
                }
            }
        }
    }
}
