//! Events for the owners of denied Pods.
//!
//! The author of a Deployment does not see that its ReplicaSet was refused a Pod; an
//! event on the ReplicaSet shows it in `kubectl describe` and in Argo CD. Recording never
//! waits: what does not fit in the queue is dropped and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::{Event, EventSeries};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use tokio::sync::mpsc;

use super::KubernetesClient;
use super::connection::with_timeout;
use super::event_aggregator::{DeniedPod, EventAction, EventAggregator};
use crate::tasks::Tasks;

const MAX_QUEUED_DENIALS: usize = 256;
/// What the API server takes of a note, in bytes.
const MAX_NOTE_BYTES: usize = 1024;
const REPORTING_CONTROLLER: &str = "sekisho";

/// Queues denials. Cloning shares the queue.
#[derive(Clone)]
pub struct DenialEvents {
    queue: mpsc::Sender<(DeniedPod, Timestamp)>,
    dropped: Arc<AtomicU64>,
}

/// Takes denials from the queue and writes events.
pub(super) struct EventWriter {
    cluster: KubernetesClient,
    aggregator: EventAggregator,
    dropped: Arc<AtomicU64>,
    /// Whether the last write failed; only the first failure is logged.
    fails: bool,
}

impl DenialEvents {
    /// Starts the task that writes events, until shutdown begins.
    pub fn spawn(cluster: KubernetesClient, tasks: &Tasks) -> Self {
        let (queue, mut handed_in) = mpsc::channel(MAX_QUEUED_DENIALS);
        let dropped = Arc::new(AtomicU64::new(0));
        let mut writer = EventWriter::new(cluster, dropped.clone());
        let cancelled = tasks.cancelled();
        tasks.spawn("events of denials", async move {
            let action = async {
                while let Some((denied, now)) = handed_in.recv().await {
                    writer.once(&denied, now).await;
                }
            };
            tokio::select! {
                () = action => {}
                () = cancelled => {}
            }
        });
        Self { queue, dropped }
    }

    /// Queues a denial without waiting; a full queue drops it. Not for dry runs, which
    /// change nothing.
    pub fn record(&self, denied: DeniedPod, now: Timestamp) {
        if self.queue.try_send((denied, now)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Denials for which no event was written: too many at once, or the API server
    /// refused.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl EventWriter {
    pub fn new(cluster: KubernetesClient, dropped: Arc<AtomicU64>) -> Self {
        Self {
            cluster,
            aggregator: EventAggregator::default(),
            dropped,
            fails: false,
        }
    }

    /// Creates or updates the event for one denial, if the limits allow it.
    pub async fn once(&mut self, denied: &DeniedPod, now: Timestamp) {
        let action = self.aggregator.take(denied, now);
        let written = match action {
            EventAction::Counted => return,
            EventAction::Dropped => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                return;
            }
            EventAction::Create(name) => self.create(denied, name, now).await,
            EventAction::Update { event, count } => self.count(denied, &event, count, now).await,
        };
        if let Err(error) = &written {
            self.aggregator.forget(denied);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            if !self.fails {
                tracing::warn!(
                    error,
                    "the owner of a denied Pod cannot be told by an event"
                );
            }
        }
        self.fails = written.is_err();
    }

    async fn create(&self, denied: &DeniedPod, name: String, now: Timestamp) -> Result<(), String> {
        let events = self.events(denied);
        let event = event(denied, name, now);
        with_timeout(events.create(&PostParams::default(), &event)).await?;
        Ok(())
    }

    async fn count(
        &self,
        denied: &DeniedPod,
        name: &str,
        count: i32,
        now: Timestamp,
    ) -> Result<(), String> {
        let series = EventSeries {
            count,
            last_observed_time: MicroTime(now),
        };
        let patch = Patch::Merge(serde_json::json!({ "series": series }));
        let events = self.events(denied);
        with_timeout(events.patch(name, &PatchParams::default(), &patch)).await?;
        Ok(())
    }

    fn events(&self, denied: &DeniedPod) -> Api<Event> {
        Api::namespaced(self.cluster.client(), &denied.namespace)
    }
}

fn event(denied: &DeniedPod, name: String, now: Timestamp) -> Event {
    let owner = &denied.owner;
    Event {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(denied.namespace.clone()),
            ..ObjectMeta::default()
        },
        type_: Some("Warning".to_owned()),
        reason: Some("PodDenied".to_owned()),
        action: Some("Admission".to_owned()),
        note: Some(cut(&denied.message).to_owned()),
        regarding: Some(ObjectReference {
            api_version: Some(owner.api_version.clone()),
            kind: Some(owner.kind.clone()),
            name: Some(owner.name.clone()),
            uid: Some(owner.uid.clone()),
            namespace: Some(denied.namespace.clone()),
            ..ObjectReference::default()
        }),
        event_time: Some(MicroTime(now)),
        reporting_controller: Some(REPORTING_CONTROLLER.to_owned()),
        reporting_instance: Some(REPORTING_CONTROLLER.to_owned()),
        ..Event::default()
    }
}

fn cut(message: &str) -> &str {
    &message[..message.floor_char_boundary(MAX_NOTE_BYTES)]
}
