//! Which Pods run an image, as far as clusters are followed.

use std::collections::{BTreeSet, HashMap};

use super::image_search::ImageSearch;
use super::state::ClusterPods;
use crate::api::{ExposureWatchState, PodWatchView, RunningPodView};
use crate::ledger::KnownImage;
use crate::oci::{Digest, Repository};
use crate::trust::EnvironmentName;

/// The images that Pods run, of the clusters that the reader may see.
pub(super) struct RunningImages {
    clusters: Vec<PodWatchView>,
    by_digest: HashMap<Digest, BTreeSet<RunningPodView>>,
    /// Pods that name a repository, and of which no digest is known.
    by_name: HashMap<Repository, BTreeSet<RunningPodView>>,
}

impl RunningImages {
    pub fn new(search: &ImageSearch<'_>) -> Self {
        let mut running = Self {
            clusters: Vec::new(),
            by_digest: HashMap::new(),
            by_name: HashMap::new(),
        };
        for cluster in (search.admin.pods)() {
            if search.covers(&cluster.environment) {
                running.add(search, cluster);
            }
        }
        running
    }

    fn add(&mut self, search: &ImageSearch<'_>, cluster: ClusterPods) {
        let names = search.admin.names.of(Some(&cluster.environment));
        for ((namespace, pod), running) in &cluster.pods {
            let owner = running.owner.as_ref();
            let view = |by_name: bool| RunningPodView {
                cluster: cluster.name.clone(),
                namespace: namespace.to_string(),
                pod: pod.to_string(),
                workload: owner.map(|owner| format!("{}/{}", owner.kind, owner.name)),
                by_name,
            };
            let ids = running.image_ids.iter().filter_map(|id| digest_in(id));
            let named = running.images.iter().filter_map(|name| digest_in(name));
            let digests: BTreeSet<Digest> = ids.chain(named).collect();
            // Each container that runs has an id; one that does not yet is known by name.
            let started = running.image_ids.len() >= running.images.len();
            for digest in digests {
                self.by_digest
                    .entry(digest)
                    .or_default()
                    .insert(view(false));
            }
            if started {
                continue;
            }
            let names = running
                .images
                .iter()
                .filter_map(|name| names.read(name).ok());
            for name in names.filter(|name| name.digest.is_none()) {
                let pods = self.by_name.entry(name.repository).or_default();
                pods.insert(view(true));
            }
        }
        self.clusters.push(PodWatchView {
            cluster: cluster.name,
            environment: cluster.environment,
            pods: cluster.state,
            detail: cluster.detail,
        });
    }

    pub fn clusters(&self) -> Vec<PodWatchView> {
        self.clusters.clone()
    }

    /// The Pods that run an image of `environments`. `None` where none is known, and one
    /// of those environments has no cluster, or one that is not followed: that none runs
    /// cannot be said then.
    pub fn pods(
        &self,
        image: &KnownImage,
        environments: &BTreeSet<EnvironmentName>,
    ) -> Option<Vec<RunningPodView>> {
        let pods = self.found(image);
        let is_followed = |it: &PodWatchView| it.pods == ExposureWatchState::Followed;
        let has_cluster = |environment: &EnvironmentName| {
            let mut clusters = self.clusters.iter();
            clusters.any(|it| it.environment == *environment)
        };
        let all = !self.clusters.is_empty()
            && self.clusters.iter().all(is_followed)
            && environments.iter().all(has_cluster);
        (all || !pods.is_empty()).then_some(pods)
    }

    fn found(&self, image: &KnownImage) -> Vec<RunningPodView> {
        let ids = image.digests().chain(&image.config);
        let surely = ids
            .filter_map(|digest| self.by_digest.get(digest))
            .flatten();
        let mut pods: BTreeSet<RunningPodView> = surely.cloned().collect();
        let perhaps = self.by_name.get(&image.repository).into_iter().flatten();
        let perhaps: Vec<_> = perhaps.filter(|it| !is_among(&pods, it)).cloned().collect();
        pods.extend(perhaps);
        pods.into_iter().collect()
    }
}

fn is_among(pods: &BTreeSet<RunningPodView>, pod: &RunningPodView) -> bool {
    let surely = RunningPodView {
        by_name: false,
        ..pod.clone()
    };
    pods.contains(&surely)
}

/// The digest at the end of `name@sha256:…`, of `docker-pullable://name@sha256:…`, or of
/// an image ID alone.
fn digest_in(text: &str) -> Option<Digest> {
    let end = text.rsplit(['@', '/']).next().unwrap_or(text);
    Digest::parse(end).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_digest_in_what_runtimes_report() {
        let digest = Digest::sha256(b"x");
        for text in [
            format!("registry.example/app@{digest}"),
            format!("docker-pullable://registry.example/app@{digest}"),
            format!("docker://{digest}"),
            digest.to_string(),
        ] {
            assert_eq!(digest_in(&text), Some(digest.clone()), "{text}");
        }
        assert_eq!(digest_in("registry.example/app:1"), None);
        assert_eq!(digest_in(""), None);
    }
}
