//! Events for the owners of denied Pods.
//!
//! Whoever made a Deployment does not see that its ReplicaSet was refused a Pod;
//! an event on the ReplicaSet says so in `kubectl describe` and in Argo CD.
//! Recording never waits: what does not fit in the queue is dropped and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::{Event, EventSeries};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use tokio::sync::mpsc;

use super::Cluster;
use super::cluster::in_time;
use super::tally::{DeniedPod, Tally, Telling};
use crate::tasks::Tasks;

const QUEUE: usize = 256;
/// What the API server takes of a note, in bytes.
const NOTE: usize = 1024;
const CONTROLLER: &str = "sekisho";

/// Where denials are handed in. Cloning shares the queue.
#[derive(Clone)]
pub struct Denials {
    queue: mpsc::Sender<(DeniedPod, Timestamp)>,
    dropped: Arc<AtomicU64>,
}

/// The other end of the queue.
pub(super) struct Teller {
    cluster: Cluster,
    tally: Tally,
    dropped: Arc<AtomicU64>,
    /// Whether the last write failed: told once, not for each.
    fails: bool,
}

impl Denials {
    /// Starts the task that writes events, until shutdown begins.
    pub fn spawn(cluster: Cluster, tasks: &Tasks) -> Self {
        let (queue, mut handed_in) = mpsc::channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let mut teller = Teller::new(cluster, dropped.clone());
        let cancelled = tasks.cancelled();
        tasks.spawn("events of denials", async move {
            let telling = async {
                while let Some((denied, now)) = handed_in.recv().await {
                    teller.once(&denied, now).await;
                }
            };
            tokio::select! {
                () = telling => {}
                () = cancelled => {}
            }
        });
        Self { queue, dropped }
    }

    /// Hands in a denial, without waiting. Not for dry runs, which change nothing.
    pub fn record(&self, denied: DeniedPod, now: Timestamp) {
        if self.queue.try_send((denied, now)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Denials of which nobody was told by an event: too many at once, or the API
    /// server refused.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Teller {
    pub fn new(cluster: Cluster, dropped: Arc<AtomicU64>) -> Self {
        Self {
            cluster,
            tally: Tally::default(),
            dropped,
            fails: false,
        }
    }

    /// Tells of one denial, as far as that is due.
    pub async fn once(&mut self, denied: &DeniedPod, now: Timestamp) {
        let telling = self.tally.take(denied, now);
        let written = match telling {
            Telling::Counted => return,
            Telling::Dropped => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Telling::New(name) => self.create(denied, name, now).await,
            Telling::Again { event, count } => self.count(denied, &event, count, now).await,
        };
        if let Err(error) = &written {
            self.tally.forget(denied);
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
        in_time(events.create(&PostParams::default(), &event)).await?;
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
        in_time(events.patch(name, &PatchParams::default(), &patch)).await?;
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
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(CONTROLLER.to_owned()),
        ..Event::default()
    }
}

fn cut(message: &str) -> &str {
    &message[..message.floor_char_boundary(NOTE)]
}
