//! What runs already and becomes denied: stopped where the snapshot says so.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::sleep;

use super::cri::CriClient;
use super::event_queue::EventQueue;
use super::exemption::Exemptions;
use super::judgement::{Judgement, StartDenial, UNKNOWN_REASON, judge};
use super::snapshot_keeper::SnapshotKeeper;
use crate::clock::Clock;
use crate::metrics::AgentMetrics;
use crate::node_snapshot::OnRevoked;
use crate::nri::ContainerInPod;

/// How often what runs is judged again, and how long one that could not be stopped is left.
const ROUND: Duration = Duration::from_secs(1);
/// Containers that are stopped at once, at most: each may take its grace to end.
const AT_ONCE: usize = 32;

/// Stops containers by the runtime's CRI: NRI has evictions, and runtimes drop them.
pub(super) struct Evictions {
    pub(super) keeper: Arc<SnapshotKeeper>,
    pub(super) events: Arc<EventQueue>,
    pub(super) cri: CriClient,
    pub(super) exemptions: Exemptions,
    pub(super) metrics: AgentMetrics,
    pub(super) clock: Clock,
}

impl Evictions {
    /// Stops what runs and is denied, for ever. None waits for the grace of another.
    pub(super) async fn follow(self) {
        let mut stopping = FuturesUnordered::new();
        let mut under_way = BTreeSet::new();
        loop {
            for (container, denial) in self.denied() {
                if stopping.len() < AT_ONCE && under_way.insert(container.id.clone()) {
                    stopping.push(self.stop(container, denial));
                }
            }
            tokio::select! {
                Some(id) = stopping.next() => {
                    under_way.remove(&id);
                }
                () = sleep(ROUND) => {}
            }
        }
    }

    /// Returns which container it was. One that cannot be stopped is tried again later.
    async fn stop(&self, container: ContainerInPod, denial: StartDenial) -> String {
        match self.cri.stop_container(&container.id).await {
            Ok(()) => {
                self.events.ended(&container);
                self.metrics.evictions.inc();
                tracing::warn!(
                    pod.namespace = container.namespace,
                    pod.name = container.pod,
                    container.name = container.name,
                    denial.reason = denial.reason,
                    "a container was stopped, since its image is denied now"
                );
            }
            Err(error) => {
                tracing::error!(%error, container.id = container.id, "a container whose image is denied cannot be stopped");
                sleep(ROUND).await;
            }
        }
        container.id
    }

    fn denied(&self) -> Vec<(ContainerInPod, StartDenial)> {
        let Some(held) = self.keeper.held() else {
            return Vec::new();
        };
        if held.snapshot().terms().on_revoked != OnRevoked::Evict {
            return Vec::new();
        }
        let now = self.clock.now();
        let running = self.events.running().into_iter();
        let denied = running.filter_map(|container| {
            match judge(Some(&held), &container, &self.exemptions, now) {
                Judgement::Refused(denial) if denial.reason != UNKNOWN_REASON => {
                    Some((container, denial))
                }
                _ => None,
            }
        });
        denied.collect()
    }
}
