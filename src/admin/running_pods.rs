//! Which Pods run an image, as far as clusters are followed, and which of these requests
//! from outside reach.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::image_in_use::{ImageInUse, exposure_of};
use super::image_search::ImageSearch;
use super::state::{ClusterPods, PodReach};
use crate::api::{ExposureWatchState, PodWatchView, RunningPodView};
use crate::gate::ExposureInput;
use crate::kubernetes::exposure::RunningPod;
use crate::ledger::KnownImage;
use crate::oci::{Digest, Repository};
use crate::trust::{EnvironmentName, Exposure, Subject};

/// A Pod by its cluster, namespace and name.
type PodKey = (Arc<str>, Box<str>, Box<str>);

/// The images that Pods run, of the clusters that the reader may see.
pub(super) struct RunningImages {
    clusters: Vec<PodWatchView>,
    pods: BTreeMap<PodKey, RunningPod>,
    reaches: HashMap<Arc<str>, PodReach>,
    exposures: HashMap<Arc<str>, Exposure>,
    by_digest: HashMap<Digest, BTreeSet<PodKey>>,
    /// Pods that name a repository, and of which no digest is known.
    by_name: HashMap<Repository, BTreeSet<PodKey>>,
}

impl RunningImages {
    pub fn new(search: &ImageSearch<'_>) -> Self {
        let mut running = Self {
            clusters: Vec::new(),
            pods: BTreeMap::new(),
            reaches: HashMap::new(),
            exposures: HashMap::new(),
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
        let of_cluster: Arc<str> = cluster.name.as_str().into();
        for ((namespace, pod), running) in cluster.pods {
            let key = (of_cluster.clone(), namespace, pod);
            let ids = running.image_ids.iter().filter_map(|id| digest_in(id));
            let named = running.images.iter().filter_map(|name| digest_in(name));
            for digest in ids.chain(named) {
                self.by_digest
                    .entry(digest)
                    .or_default()
                    .insert(key.clone());
            }
            // Each container that runs has an id; one that does not yet is known by name.
            let started = running.image_ids.len() >= running.images.len();
            let images = running.images.iter().filter(|_| !started);
            let read = images.filter_map(|name| names.read_by_node(name).ok());
            for name in read.filter(|name| name.digest.is_none()) {
                let pods = self.by_name.entry(name.repository).or_default();
                pods.insert(key.clone());
            }
            self.pods.insert(key, running);
        }
        self.exposures.insert(of_cluster.clone(), cluster.exposure);
        self.reaches.insert(of_cluster, cluster.reach);
        self.clusters.push(PodWatchView {
            cluster: cluster.name,
            environment: cluster.environment,
            pods: cluster.state,
            detail: cluster.detail,
            ways: cluster.ways,
            ways_detail: cluster.ways_detail,
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
        let views = pods.iter().map(|(pod, by_name)| self.view(pod, *by_name));
        (all || !pods.is_empty()).then(|| views.collect())
    }

    /// Whether some Pod runs it; `exposed`: one that requests from outside reach.
    pub fn runs(&self, image: &KnownImage, exposed: bool) -> bool {
        let pods = self.found(image);
        pods.keys()
            .any(|pod| !exposed || self.way_to(pod).is_some())
    }

    /// What Pods run in the reader's scope, as each would be asked for again; and how many
    /// Pods run something of which no digest is known here.
    pub fn subjects(&self, search: &ImageSearch<'_>) -> (Vec<ImageInUse>, usize) {
        let mut used: HashMap<Subject, ImageInUse> = HashMap::new();
        let mut unnamed = 0;
        for (key, pod) in &self.pods {
            let Some(cluster) = self.clusters.iter().find(|it| *it.cluster == *key.0) else {
                continue;
            };
            let (images, all_named) = self.images_of(search, cluster, pod);
            unnamed += usize::from(!all_named);
            let view = self.view(key, false);
            let own = self.exposures.get(&key.0).copied();
            let own = own.unwrap_or(Exposure::External);
            let exposure = exposure_of(own, view.reached_by.is_some());
            for subject in images {
                let image = used.entry(subject.clone()).or_insert_with(|| ImageInUse {
                    subject,
                    exposure,
                    pods: Vec::new(),
                });
                if exposure == ExposureInput::Reached {
                    image.exposure = exposure;
                }
                image.pods.push(view.clone());
            }
        }
        (used.into_values().collect(), unnamed)
    }

    /// The images of a Pod by digest, and whether that is all of them.
    fn images_of(
        &self,
        search: &ImageSearch<'_>,
        cluster: &PodWatchView,
        pod: &RunningPod,
    ) -> (HashSet<Subject>, bool) {
        let names = search.admin.names.of(Some(&cluster.environment));
        let read = |text: &String| {
            let name = text.rsplit("://").next().unwrap_or(text);
            names.read_by_node(name).ok()
        };
        let subject = |repository: &Repository, digest: &Digest| Subject {
            environment: cluster.environment.clone(),
            repository: repository.clone(),
            digest: digest.clone(),
        };
        let forecasts = search.admin.gate.forecasts();
        let ids: Vec<_> = pod.image_ids.iter().filter_map(read).collect();
        let mut found = HashSet::new();
        let mut all = true;
        for name in &pod.images {
            let Some(name) = read(name) else {
                all = false;
                continue;
            };
            if !search.scope.covers_repository(&name.repository) {
                continue;
            }
            if let Some(digest) = &name.digest {
                found.insert(subject(&name.repository, digest));
                continue;
            }
            let of_name = ids.iter().filter(|id| id.repository == name.repository);
            let digests: Vec<&Digest> = of_name.filter_map(|id| id.digest.as_ref()).collect();
            all &= !digests.is_empty();
            for digest in digests {
                let above = forecasts.indexes_above(&name.repository, digest);
                let is_below = |it: &Digest| found.contains(&subject(&name.repository, it));
                if !above.iter().any(is_below) {
                    found.insert(subject(&name.repository, digest));
                }
            }
        }
        (found, all)
    }

    /// Each Pod, and whether it is only known by the name of the image.
    fn found(&self, image: &KnownImage) -> BTreeMap<&PodKey, bool> {
        let ids = image.digests().chain(&image.config);
        let surely = ids
            .filter_map(|digest| self.by_digest.get(digest))
            .flatten();
        let perhaps = self.by_name.get(&image.repository).into_iter().flatten();
        let mut pods: BTreeMap<&PodKey, bool> = perhaps.map(|pod| (pod, true)).collect();
        pods.extend(surely.map(|pod| (pod, false)));
        pods
    }

    fn view(&self, key: &PodKey, by_name: bool) -> RunningPodView {
        let (cluster, namespace, pod) = key;
        let owner = self.pods.get(key).and_then(|pod| pod.owner.as_ref());
        RunningPodView {
            cluster: cluster.to_string(),
            namespace: namespace.to_string(),
            pod: pod.to_string(),
            workload: owner.map(|owner| format!("{}/{}", owner.kind, owner.name)),
            reached_by: self.way_to(key),
            by_name,
        }
    }

    fn way_to(&self, key: &PodKey) -> Option<String> {
        let (cluster, namespace, _) = key;
        let reach = self.reaches.get(cluster)?;
        reach.way_to(namespace, self.pods.get(key)?)
    }
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
