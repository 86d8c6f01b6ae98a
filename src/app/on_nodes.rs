//! What runs on nodes, for who asks what is in use, and for the images' pages.

use std::collections::{BTreeMap, HashSet};

use super::exposures::exposures_of_pulls;
use super::{Components, environment_listener, webhook};
use crate::admin::{ClusterPods, PodReach};
use crate::api::ExposureWatchState;
use crate::gate::{ExposureInput, ImageInUse, ImageUsage};
use crate::kubernetes::exposure::{Pod, PodName, RunningPod};
use crate::ledger::ContainerOnNode;
use crate::oci::{Digest, Repository};
use crate::trust::{EnvironmentName, ImageNames, Subject};

/// The images that run on nodes, as far as their closures are recorded.
pub(super) fn images_on_nodes(parts: &Components) -> Vec<ImageInUse> {
    let exposures = exposures_of_pulls(parts);
    let names = names(parts);
    let mut images = Vec::new();
    let mut seen = HashSet::new();
    parts.running_nodes.each(|environment, container| {
        let exposure = exposures.get(environment).copied().unwrap_or_default();
        for subject in subjects(parts, &names, environment, container) {
            if seen.insert(subject.clone()) {
                images.push(ImageInUse {
                    subject,
                    exposure: ExposureInput::Listener(exposure),
                    usage: ImageUsage::Running,
                });
            }
        }
    });
    images
}

fn names(parts: &Components) -> ImageNames {
    let clusters = parts.config.clusters.iter().map(|it| it.gateway.clone());
    webhook::image_names(&parts.config, clusters.collect())
}

fn subjects(
    parts: &Components,
    names: &ImageNames,
    environment: &EnvironmentName,
    container: &ContainerOnNode,
) -> Vec<Subject> {
    let Ok(named) = names.read_by_node(&container.image) else {
        return Vec::new();
    };
    let index = parts.ledger.index();
    let recorded = |it: &&Digest| index.closure(&named.repository, it).is_some();
    let digests = container.digests.iter().filter(recorded);
    digests
        .map(|digest| Subject {
            environment: environment.clone(),
            repository: named.repository.clone(),
            digest: digest.clone(),
        })
        .collect()
}

/// The Pods on nodes by environment, without those that a followed cluster tells of.
pub(super) fn pods_on_nodes(parts: &Components, followed: &[ClusterPods]) -> Vec<ClusterPods> {
    let known: HashSet<&str> = followed
        .iter()
        .flat_map(|cluster| cluster.pods.iter().map(|(_, pod)| &*pod.uid))
        .collect();
    let names = names(parts);
    let mut found: BTreeMap<EnvironmentName, BTreeMap<PodName, RunningPod>> = BTreeMap::new();
    parts.running_nodes.each(|environment, container| {
        let Ok(named) = names.read_by_node(&container.image) else {
            return;
        };
        if known.contains(container.pod_uid.as_str()) {
            return;
        }
        let name = (
            container.namespace.as_str().into(),
            container.pod.as_str().into(),
        );
        let pods = found.entry(environment.clone()).or_default();
        let pod = pods.entry(name).or_insert_with(|| on_node(container));
        add_image(pod, &named.repository, container);
    });
    let clusters = found.into_iter();
    clusters
        .map(|(environment, pods)| as_cluster(parts, environment, pods))
        .collect()
}

fn on_node(container: &ContainerOnNode) -> RunningPod {
    RunningPod {
        uid: container.pod_uid.as_str().into(),
        pod: Pod::default(),
        owner: None,
        images: Vec::new(),
        image_ids: Vec::new(),
    }
}

fn add_image(pod: &mut RunningPod, repository: &Repository, container: &ContainerOnNode) {
    if !pod.images.contains(&container.image) {
        pod.images.push(container.image.clone());
    }
    for digest in &container.digests {
        let id = format!("{repository}@{digest}");
        if !pod.image_ids.contains(&id) {
            pod.image_ids.push(id);
        }
    }
}

fn as_cluster(
    parts: &Components,
    environment: EnvironmentName,
    pods: BTreeMap<PodName, RunningPod>,
) -> ClusterPods {
    let listener = environment_listener::listener(&parts.config, &environment);
    ClusterPods {
        name: format!("nodes of {environment}"),
        exposure: listener.exposure,
        environment,
        state: ExposureWatchState::Followed,
        detail: None,
        ways: ExposureWatchState::NotAsked,
        ways_detail: Some("agents on nodes do not tell what leads to Pods".to_owned()),
        pods: pods.into_iter().collect(),
        reach: PodReach::unknown(),
    }
}
