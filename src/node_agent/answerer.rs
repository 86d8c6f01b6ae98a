//! What the runtime asks, answered.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::cri::CriClient;
use super::event_queue::EventQueue;
use super::exemption::Exemptions;
use super::judgement::{Judgement, judge};
use super::refusal_text::refusal_text;
use super::snapshot_keeper::SnapshotKeeper;
use crate::clock::Clock;
use crate::metrics::{AgentMetrics, StartLabels, StartOutcome};
use crate::nri::{Call, ContainerInPod, Reply};
use crate::oci::Digest;

/// Runtimes give a plugin 2 s for an answer, and end the connection over a later one.
const NAMING_TIME: Duration = Duration::from_secs(1);

/// Answers from memory. Only where the runtime names no digest, its CRI is asked.
pub(super) struct Answerer {
    pub(super) keeper: Arc<SnapshotKeeper>,
    pub(super) exemptions: Exemptions,
    pub(super) events: Arc<EventQueue>,
    pub(super) cri: Option<CriClient>,
    pub(super) metrics: AgentMetrics,
    pub(super) clock: Clock,
}

impl Answerer {
    /// What was told of containers before more followed is in `so_far`.
    pub(super) async fn answer(&self, call: Call, so_far: &mut Vec<ContainerInPod>) -> Reply {
        match call {
            Call::Configure(runtime) => {
                tracing::info!(runtime.name, runtime.version, "the runtime asks this agent");
                let identity = format!("{} {}", runtime.name, runtime.version);
                self.events.connected(identity);
                Reply::Subscribe
            }
            Call::Synchronize { containers, more } => {
                so_far.extend(containers);
                if !more {
                    let mut containers = std::mem::take(so_far);
                    self.name_digests(&mut containers).await;
                    self.events.synchronized(&containers);
                }
                Reply::Synchronized { more }
            }
            Call::Create(container) => self.create(*container).await,
            Call::Started(mut container) => {
                self.name_digests(std::slice::from_mut(&mut container))
                    .await;
                self.events.started(&container);
                Reply::Done
            }
            Call::Ended(container) => {
                self.events.ended(&container);
                Reply::Done
            }
            Call::Shutdown | Call::Other => Reply::Done,
            Call::Unreadable(method) => {
                tracing::error!(
                    method,
                    "the runtime's question cannot be read; it is let go on"
                );
                Reply::Done
            }
            Call::Unknown => Reply::Unimplemented,
        }
    }

    async fn create(&self, mut container: ContainerInPod) -> Reply {
        let began = Instant::now();
        self.name_digests(std::slice::from_mut(&mut container))
            .await;
        let now = self.clock.now();
        let held = self.keeper.held();
        let judgement = judge(held.as_deref(), &container, &self.exemptions, now);
        let reply = self.told(&judgement, &container);
        self.metrics
            .answer_seconds
            .observe(began.elapsed().as_secs_f64());
        reply
    }

    fn told(&self, judgement: &Judgement, container: &ContainerInPod) -> Reply {
        let (outcome, denial, exemption) = match judgement {
            Judgement::Permitted => {
                self.count(StartOutcome::Permitted);
                return Reply::Done;
            }
            Judgement::LetStart(denial, exemption) => (StartOutcome::LetStart, denial, *exemption),
            Judgement::Refused(denial) => (StartOutcome::Refused, denial, None),
        };
        self.count(outcome);
        let refused = outcome == StartOutcome::Refused;
        let text = refusal_text(denial, container, self.keeper.environment());
        if !container.is_canary {
            let now = self.clock.now();
            if self
                .events
                .denied(container, denial, exemption, refused, now)
            {
                self.metrics.denials_dropped.inc();
            }
            tracing::warn!(
                pod.namespace = container.namespace,
                pod.name = container.pod,
                container.name = container.name,
                refused,
                denial = text,
                "something speaks against a container"
            );
        }
        match refused {
            true => Reply::Refuse(text),
            false => Reply::Done,
        }
    }

    fn count(&self, outcome: StartOutcome) {
        self.metrics
            .starts
            .get_or_create(&StartLabels { outcome })
            .inc();
    }

    /// Asks the runtime for the digests of those of which it named none, as far as there is
    /// time: it waits for the answer.
    async fn name_digests(&self, containers: &mut [ContainerInPod]) {
        let is_unnamed = |it: &&mut ContainerInPod| it.image.digests.is_empty();
        let unnamed = containers.iter_mut().filter(is_unnamed);
        let Some(cri) = &self.cri else {
            return;
        };
        let mut known: HashMap<String, Vec<Digest>> = HashMap::new();
        let asking = async {
            for container in unnamed {
                let image = &mut container.image;
                if !known.contains_key(&image.name) {
                    let found = digests_of(cri, &image.name).await;
                    known.insert(image.name.clone(), found);
                }
                image.digests = known.get(&image.name).cloned().unwrap_or_default();
            }
        };
        if timeout(NAMING_TIME, asking).await.is_err() {
            tracing::warn!("the runtime does not say in time which images these are");
        }
    }
}

async fn digests_of(cri: &CriClient, name: &str) -> Vec<Digest> {
    let found = cri.image_digests(name).await;
    found.unwrap_or_else(|error| {
        tracing::warn!(%error, image.name = name, "the runtime does not say which image this is");
        Vec::new()
    })
}
