//! What the program knows of its clusters, and does in them: the ways to Pods, the
//! webhooks in force, owners told.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;

use super::config::{ClusterConfig, Config, TlsConfig};
use super::{Parts, StartError, installation};
use crate::admission::{Callbacks, Standing, Webhook};
use crate::api::{ClusterStatus, WaysState};
use crate::kubernetes::client::{
    Arming, Cluster, Denials, Knowledge, Outcome, WatchState, follow_cluster,
};
use crate::kubernetes::objects::webhook_configurations;
use crate::metrics::{ArmedLabels, PodVerdict, RaisedLabels};
use crate::tasks::Tasks;

/// A risen exposure is looked at within this.
const LOOK: Duration = Duration::from_secs(1);
/// Webhooks are looked after this often.
const ARM: Duration = Duration::from_secs(15);

/// The clusters whose API can be asked, by name.
#[derive(Default)]
pub(super) struct Clusters(BTreeMap<String, Live>);

/// One cluster whose API can be asked.
struct Live {
    cluster: Cluster,
    knowledge: Arc<Knowledge>,
    denials: Option<Denials>,
    /// Whether this program runs in it.
    is_own: bool,
}

impl Clusters {
    /// Reads the credentials of each; asks no API server yet.
    pub(super) async fn connect(config: &Config, tasks: &Tasks) -> Result<Self, StartError> {
        let mut live = BTreeMap::new();
        for cluster in &config.clusters {
            let kubeconfig = cluster.kubeconfig.as_deref();
            if kubeconfig.is_none() && !is_alone(cluster, config) {
                continue;
            }
            if let Some(connected) = connect(cluster, kubeconfig, tasks).await? {
                live.insert(cluster.name.clone(), connected);
            }
        }
        Ok(Self(live))
    }

    /// What a cluster's webhook makes of what is known.
    pub(super) fn callbacks(&self, cluster: &str) -> Callbacks {
        let Some(live) = self.0.get(cluster) else {
            return Callbacks::default();
        };
        let (knowledge, denials) = (live.knowledge.clone(), live.denials.clone());
        Callbacks {
            reached_by: Some(Arc::new(move |namespace, pod| {
                knowledge.reached_by(namespace, pod)
            })),
            on_denied: denials.map(|denials| -> crate::admission::OnDenied {
                Arc::new(move |denied, now| denials.record(denied, now))
            }),
        }
    }
}

impl Clusters {
    /// Every configured cluster, asked or not.
    pub(super) fn status(&self, config: &Config) -> Vec<ClusterStatus> {
        let clusters = config.clusters.iter();
        clusters
            .map(|cluster| {
                let (ways, detail) = self.ways(&cluster.name);
                ClusterStatus {
                    name: cluster.name.clone(),
                    environment: cluster.environment.clone(),
                    exposure: cluster.exposure,
                    ways,
                    detail,
                }
            })
            .collect()
    }

    fn ways(&self, cluster: &str) -> (WaysState, Option<String>) {
        let Some(live) = self.0.get(cluster) else {
            return (WaysState::NotAsked, None);
        };
        let states = live.knowledge.states();
        let unknown: Vec<String> = states
            .iter()
            .filter_map(|(kind, state)| match state {
                WatchState::Current | WatchState::Absent => None,
                WatchState::Forbidden(why) | WatchState::Failing(why) => {
                    Some(format!("{kind}: {why}"))
                }
            })
            .collect();
        match (states.is_empty(), unknown.is_empty()) {
            (true, _) => (WaysState::Partly, Some("not heard of yet".to_owned())),
            (false, true) => (WaysState::Followed, None),
            (false, false) => (WaysState::Partly, Some(unknown.join("; "))),
        }
    }
}

/// The Pod's own service account speaks for one cluster.
fn is_alone(cluster: &ClusterConfig, config: &Config) -> bool {
    let others = config.clusters.iter();
    others.filter(|it| it.kubeconfig.is_none()).count() == 1 && cluster.kubeconfig.is_none()
}

async fn connect(
    config: &ClusterConfig,
    kubeconfig: Option<&Path>,
    tasks: &Tasks,
) -> Result<Option<Live>, StartError> {
    let connected = Cluster::connect(kubeconfig).await;
    let connected = connected.map_err(|source| StartError::Cluster {
        name: config.name.clone(),
        source,
    })?;
    let Some(cluster) = connected else {
        return Ok(None);
    };
    let knowledge = Arc::new(Knowledge::default());
    follow_cluster(&knowledge, &cluster, tasks);
    Ok(Some(Live {
        denials: config
            .events
            .then(|| Denials::spawn(cluster.clone(), tasks)),
        knowledge,
        is_own: kubeconfig.is_none(),
        cluster,
    }))
}

/// Starts what is done unasked.
pub(super) fn spawn(parts: &Arc<Parts>, door: &Arc<Webhook>, tasks: &Tasks) {
    for (name, live) in &parts.clusters.0 {
        let watching = Arc::new(Watching {
            name: name.clone(),
            knowledge: live.knowledge.clone(),
            door: door.clone(),
            parts: parts.clone(),
        });
        tasks.every("exposure", LOOK, move |now| {
            raised_once(watching.clone(), now)
        });
        if live.is_own && shows_own_certificate(parts) {
            arm(name, live, parts, tasks);
        }
    }
}

/// With files of someone else's, that one also publishes their authority.
fn shows_own_certificate(parts: &Parts) -> bool {
    let webhook = parts.config.webhook.as_ref();
    webhook.is_some_and(|webhook| webhook.tls == TlsConfig::Auto)
}

struct Watching {
    name: String,
    knowledge: Arc<Knowledge>,
    door: Arc<Webhook>,
    parts: Arc<Parts>,
}

/// Looks again at Pods that outside requests have come to reach.
async fn raised_once(watching: Arc<Watching>, now: Timestamp) {
    for raised in watching.knowledge.raised_once() {
        let standing = watching.door.look_again(&watching.name, &raised, now).await;
        let is_denied = match standing {
            Standing::Exempt => continue,
            Standing::Admitted => false,
            Standing::WouldBeDenied => true,
        };
        let labels = RaisedLabels {
            cluster: watching.name.as_str().into(),
            verdict: match is_denied {
                true => PodVerdict::Denied,
                false => PodVerdict::Allowed,
            },
        };
        watching
            .parts
            .metrics
            .pods_raised
            .get_or_create(&labels)
            .inc();
        if is_denied {
            tracing::warn!(
                cluster = watching.name,
                pod.namespace = %raised.namespace,
                pod.name = %raised.name,
                way = %raised.way,
                "a running Pod became reachable, and would be denied now"
            );
        }
    }
}

struct Armed {
    name: String,
    parts: Arc<Parts>,
    arming: Mutex<Arming>,
}

fn arm(name: &str, live: &Live, parts: &Arc<Parts>, tasks: &Tasks) {
    let armed = Arc::new(Armed {
        name: name.to_owned(),
        parts: parts.clone(),
        arming: Mutex::new(Arming::new(live.cluster.clone())),
    });
    tasks.every("webhooks", ARM, move |now| arm_once(armed.clone(), now));
}

/// Puts the webhooks in force, and keeps them as the configuration has them, under
/// the bundle of now.
async fn arm_once(armed: Arc<Armed>, now: Timestamp) {
    let config = &armed.parts.config;
    let found = config.clusters.iter().find(|it| it.name == armed.name);
    let (Some(cluster), Some(keeper)) = (found, &armed.parts.authority) else {
        return;
    };
    let mut desired = match installation::installation(config, cluster) {
        Ok(desired) => desired,
        Err(error) => {
            tracing::error!(cluster = armed.name, %error, "webhooks not looked after");
            return;
        }
    };
    desired.ca_bundle = Some(keeper.bundle().borrow().to_string());
    let desired = webhook_configurations(&desired);
    for armed_now in armed.arming.lock().await.once(&desired, now).await {
        let stands = matches!(
            armed_now.outcome,
            Outcome::Stands | Outcome::Created | Outcome::Repaired(_)
        );
        let labels = ArmedLabels {
            cluster: armed.name.as_str().into(),
            configuration: armed_now.configuration.into(),
        };
        let gauge = armed
            .parts
            .metrics
            .webhook_armed
            .get_or_create_owned(&labels);
        gauge.set(i64::from(stands));
    }
}
