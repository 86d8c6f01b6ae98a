//! What runs already and becomes denied: stopped where the snapshot says so.

use std::sync::Arc;

use super::cri::CriClient;
use super::event_queue::EventQueue;
use super::exemption::Exemptions;
use super::judgement::{Judgement, StartDenial, UNKNOWN_REASON, judge};
use super::snapshot_keeper::SnapshotKeeper;
use crate::clock::Clock;
use crate::metrics::AgentMetrics;
use crate::node_snapshot::OnRevoked;
use crate::nri::ContainerInPod;

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
    /// Stops what runs and is denied now, one after the other. What cannot be stopped is
    /// tried again in the next round.
    pub(super) async fn once(&self) {
        for (container, denial) in self.denied() {
            let id = &container.id;
            match self.cri.stop_container(id).await {
                Ok(()) => {
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
                    tracing::error!(%error, container.id = id, "a container whose image is denied cannot be stopped");
                }
            }
        }
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
