//! Follows gateways: snapshots in, events out.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::backoff::Backoff;
use super::error::GatewayError;
use super::event_queue::EventQueue;
use super::gateway::{Gateways, SnapshotAnswer};
use super::repeated::Repeated;
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
        let mut untaken = Backoff::new(LONG_PAUSE, LONGEST_WAIT);
        let mut told = Repeated::default();
        let (mut wants_whole, mut has_answered) = (false, false);
        loop {
            let query = self.question(wants_whole, has_answered);
            let asked = self.gateways.snapshot(&query).await;
            has_answered = asked.is_ok();
            self.metrics.gateway_reached.set(i64::from(has_answered));
            match asked {
                Ok(answer) => {
                    backoff.reset();
                    let is_behind = matches!(answer, SnapshotAnswer::Unchanged);
                    let taken = self.taken(answer).await;
                    wants_whole = taken.is_err();
                    match taken {
                        Ok(()) => {
                            told.is_over();
                            untaken.reset();
                            sleep(if is_behind { LONG_PAUSE } else { PAUSE }).await;
                        }
                        Err(why) => {
                            self.tell_untaken(&why, &mut told);
                            sleep(untaken.next()).await;
                        }
                    }
                }
                Err(error) => {
                    wants_whole = false;
                    self.tell_unreached(&error, &mut told);
                    sleep(backoff.next()).await;
                }
            }
        }
    }

    /// Who did not answer the last time is not waited for: else nobody knew for long that it
    /// answers again.
    fn question(&self, wants_whole: bool, has_answered: bool) -> NodeSnapshotQuery {
        let query = NodeSnapshotQuery {
            environment: self.keeper.environment().to_owned(),
            ..NodeSnapshotQuery::default()
        };
        match self.keeper.held().filter(|_| !wants_whole) {
            None => query,
            Some(held) => NodeSnapshotQuery {
                since: Some(held.snapshot().terms().sequence),
                mark: self.keeper.mark().map(|mark| mark.to_string()),
                wait: match has_answered {
                    true => NodeSnapshotQuery::MAX_WAIT,
                    false => Duration::ZERO,
                },
                ..query
            },
        }
    }

    /// Why it is not taken, if it is not: then the next answer may be no delta.
    async fn taken(&self, answer: SnapshotAnswer) -> Result<(), String> {
        let (keeper, now) = (self.keeper.clone(), self.clock.now());
        // Beside what is answered: checking and writing take milliseconds.
        let taking = move || match answer {
            SnapshotAnswer::Unchanged => Ok(()),
            SnapshotAnswer::Whole(bytes) => keeper.take(&bytes, now),
            SnapshotAnswer::Delta(bytes) => keeper.take_delta(&bytes, now),
        };
        let Ok(outcome) = self.heavy.run(taking).await else {
            return Err("it could not be looked at".to_owned());
        };
        match outcome {
            // Another replica's clock is behind: what is held is as good.
            Ok(()) | Err(SnapshotError::SignedEarlier { .. }) => Ok(()),
            Err(error @ SnapshotError::Signature) => Err(format!(
                "{error}; --key has to hold the public key of the gateway's [nodes] signing_key"
            )),
            Err(error) => Err(error.to_string()),
        }
    }

    fn tell_untaken(&self, why: &str, told: &mut Repeated) {
        if told.is_news(why, Instant::now()) {
            let gateway = self.gateways.named();
            tracing::error!(
                error = why,
                gateway,
                "a snapshot is not taken; {}",
                self.meanwhile()
            );
        }
    }

    fn tell_unreached(&self, error: &GatewayError, told: &mut Repeated) {
        let why = error.to_string();
        if told.is_news(&why, Instant::now()) {
            let gateway = self.gateways.named();
            tracing::warn!(
                error = why,
                gateway.next = gateway,
                "no snapshot from the gateway; {}",
                self.meanwhile()
            );
        }
    }

    fn meanwhile(&self) -> &'static str {
        match self.keeper.held() {
            Some(_) => "what is held stays in force",
            None => "none is held, so nothing is refused",
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
