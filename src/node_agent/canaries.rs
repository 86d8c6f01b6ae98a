//! Sends canaries, and tells how they end.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::canary::{CanaryOutcome, send_canary};
use super::cri::CriClient;
use super::snapshot_keeper::SnapshotKeeper;
use crate::metrics::{AgentMetrics, CanaryEnd, CanaryLabels};

/// So long the runtime is left alone that asks its agent for the first time: as a node comes
/// up it has much to do.
pub(super) const LEFT_ALONE: Duration = Duration::from_secs(10);
/// How often it is looked whether the first one can be refused.
const LOOKED_EVERY: Duration = Duration::from_secs(1);

/// Sends canaries for ever.
pub(super) struct Canaries {
    pub(super) keeper: Arc<SnapshotKeeper>,
    pub(super) cri: CriClient,
    pub(super) every: Duration,
    /// Before the first one.
    pub(super) left_alone: Duration,
    pub(super) metrics: AgentMetrics,
}

impl Canaries {
    /// The first one is sent soon after this agent would refuse it: one sent earlier would say
    /// that there is no gate. Where that takes as long as what lies between two, it is sent to
    /// say so.
    pub(super) async fn follow(self) {
        let ready = async {
            self.would_refuse().await;
            sleep(self.left_alone).await;
        };
        let _ready_or_not = timeout(self.every, ready).await;
        loop {
            self.send().await;
            sleep(self.every).await;
        }
    }

    async fn would_refuse(&self) {
        while self.metrics.runtime_connected.get() != 1 || self.keeper.held().is_none() {
            sleep(LOOKED_EVERY.min(self.every)).await;
        }
    }

    async fn send(&self) {
        let outcome = send_canary(&self.cri).await;
        let end = match &outcome {
            CanaryOutcome::Refused(_) => CanaryEnd::Refused,
            CanaryOutcome::LetStart => CanaryEnd::LetStart,
            CanaryOutcome::Failed(_) => CanaryEnd::Failed,
        };
        if end != CanaryEnd::Refused {
            tracing::error!(
                ?outcome,
                "the canary was not refused: is there a gate on this node?"
            );
        }
        let metrics = &self.metrics;
        metrics.canaries.get_or_create(&CanaryLabels { end }).inc();
        metrics
            .canary_refused
            .set(i64::from(end == CanaryEnd::Refused));
    }
}
