//! The configured clusters: exposure of their Pods, and events for owners.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::StartError;
use super::config::{ClusterConfig, Config};
use crate::admin::{ClusterPods, PodReach};
use crate::admission::ClusterCallbacks;
use crate::api::{ClusterStatus, ExposureWatchState};
use crate::kubernetes::client::{
    ClusterError, DenialEvents, ExposureWatcher, KubernetesClient, WatchState, follow_cluster,
};
use crate::tasks::Tasks;

/// The clusters whose API can be asked, by name.
#[derive(Default)]
pub(super) struct Clusters(pub(super) BTreeMap<String, ConnectedCluster>);

/// One cluster whose API can be asked.
pub(super) struct ConnectedCluster {
    pub(super) cluster: KubernetesClient,
    pub(super) knowledge: Arc<ExposureWatcher>,
    denials: Option<DenialEvents>,
    /// Whether this program runs in it.
    pub(super) is_own: bool,
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
            let has_webhook = config.webhook.is_some();
            if let Some(connected) = connect(cluster, kubeconfig, has_webhook, tasks).await? {
                live.insert(cluster.name.clone(), connected);
            }
        }
        Ok(Self(live))
    }

    /// The namespace in which this program runs in a cluster, where it is known to run there.
    /// Elsewhere a namespace by that name is anybody's.
    pub(super) fn own_namespace<'c>(&self, cluster: &'c ClusterConfig) -> Option<&'c str> {
        let is_own = self.0.get(&cluster.name).is_some_and(|live| live.is_own);
        (is_own || cluster.namespace.is_some()).then(|| cluster.home())
    }

    /// The callbacks of a cluster's webhook.
    pub(super) fn callbacks(&self, cluster: &str) -> ClusterCallbacks {
        let Some(live) = self.0.get(cluster) else {
            return ClusterCallbacks::default();
        };
        let (knowledge, denials) = (live.knowledge.clone(), live.denials.clone());
        ClusterCallbacks {
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
                let (ways, detail) = self.exposure_state(&cluster.name);
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

    /// Every configured cluster, with the Pods that are known to run there.
    pub(super) fn pods(&self, config: &Config) -> Vec<ClusterPods> {
        let clusters = config.clusters.iter();
        clusters
            .map(|cluster| {
                let live = self.0.get(&cluster.name);
                let (state, detail) = live.map_or((ExposureWatchState::NotAsked, None), pod_state);
                let (ways, ways_detail) = self.exposure_state(&cluster.name);
                ClusterPods {
                    name: cluster.name.clone(),
                    environment: cluster.environment.clone(),
                    exposure: cluster.exposure,
                    state,
                    detail,
                    ways,
                    ways_detail,
                    reach: live.map_or_else(PodReach::unknown, reach),
                    pods: live.map_or_else(Vec::new, |live| live.knowledge.running_pods()),
                }
            })
            .collect()
    }

    fn exposure_state(&self, cluster: &str) -> (ExposureWatchState, Option<String>) {
        let Some(live) = self.0.get(cluster) else {
            return (ExposureWatchState::NotAsked, None);
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
            (true, _) => (
                ExposureWatchState::Partly,
                Some("not heard of yet".to_owned()),
            ),
            (false, true) => (ExposureWatchState::Followed, None),
            (false, false) => (ExposureWatchState::Partly, Some(unknown.join("; "))),
        }
    }
}

/// What leads to a Pod of a cluster that is asked.
fn reach(live: &ConnectedCluster) -> PodReach {
    let knowledge = live.knowledge.clone();
    PodReach::new(move |namespace, pod| knowledge.way_to(namespace, &pod.pod))
}

/// Whether all Pods of a cluster are known.
fn pod_state(live: &ConnectedCluster) -> (ExposureWatchState, Option<String>) {
    let states = live.knowledge.states().into_iter();
    let mut pods = states.filter(|(kind, _)| *kind == "pods");
    let why = match pods.next() {
        Some((_, WatchState::Current)) => return (ExposureWatchState::Followed, None),
        Some((_, WatchState::Forbidden(why) | WatchState::Failing(why))) => why,
        Some((_, WatchState::Absent)) | None => "not heard of yet".to_owned(),
    };
    (ExposureWatchState::Partly, Some(format!("pods: {why}")))
}

/// Whether this is the only cluster without a kubeconfig, so that the Pod's service
/// account belongs to it.
fn is_alone(cluster: &ClusterConfig, config: &Config) -> bool {
    let others = config.clusters.iter();
    others.filter(|it| it.kubeconfig.is_none()).count() == 1 && cluster.kubeconfig.is_none()
}

async fn connect(
    config: &ClusterConfig,
    kubeconfig: Option<&Path>,
    has_webhook: bool,
    tasks: &Tasks,
) -> Result<Option<ConnectedCluster>, StartError> {
    let cluster = match KubernetesClient::connect(kubeconfig).await {
        Ok(Some(cluster)) => cluster,
        Ok(None) => return Ok(None),
        // Nobody asked for it in so many words: agents on nodes need the table, too.
        Err(error @ ClusterError::ServiceAccount(_)) if !has_webhook => {
            tracing::warn!(cluster = config.name, %error, "not known what runs in a cluster");
            return Ok(None);
        }
        Err(source) => {
            let name = config.name.clone();
            return Err(StartError::Cluster { name, source });
        }
    };
    let knowledge = Arc::new(ExposureWatcher::default());
    follow_cluster(&knowledge, &cluster, tasks);
    Ok(Some(ConnectedCluster {
        denials: config
            .events
            .then(|| DenialEvents::spawn(cluster.clone(), tasks)),
        knowledge,
        is_own: kubeconfig.is_none(),
        cluster,
    }))
}
