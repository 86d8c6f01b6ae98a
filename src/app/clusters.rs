//! What the program knows of its clusters: the ways to Pods, and owners to be told.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::StartError;
use super::config::{ClusterConfig, Config};
use crate::admission::Callbacks;
use crate::api::{ClusterStatus, WaysState};
use crate::kubernetes::client::{Cluster, Denials, Knowledge, WatchState, follow_cluster};
use crate::tasks::Tasks;

/// The clusters whose API can be asked, by name.
#[derive(Default)]
pub(super) struct Clusters(pub(super) BTreeMap<String, Live>);

/// One cluster whose API can be asked.
pub(super) struct Live {
    pub(super) cluster: Cluster,
    pub(super) knowledge: Arc<Knowledge>,
    denials: Option<Denials>,
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
