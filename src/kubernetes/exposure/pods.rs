//! The running Pods, and which of them became reachable from outside.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::mem;

use super::{ExposurePath, ExposurePaths, Owner, Pod};

/// What is kept of a running Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningPod {
    pub uid: Box<str>,
    pub pod: Pod,
    pub owner: Option<Owner>,
    /// Its images as the Pod names them.
    pub images: Vec<String>,
    /// What its containers run, as the runtime reports it: mostly `name@digest`.
    pub image_ids: Vec<String>,
}

/// A running Pod that requests from outside can reach now, and could not as far
/// as was known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewlyExposedPod {
    pub namespace: Box<str>,
    pub name: Box<str>,
    pub owner: Option<Owner>,
    /// Its images as the Pod names them.
    pub images: Vec<String>,
    pub path: ExposurePath,
}

/// The running Pods of a cluster.
#[derive(Debug, Default)]
pub struct RunningPods {
    by_namespace: HashMap<Box<str>, HashMap<Box<str>, TrackedPod>>,
    /// Those that appeared or changed since they were last judged.
    changed: HashSet<PodName>,
}

/// Namespace and name of a Pod.
pub type PodName = (Box<str>, Box<str>);

#[derive(Debug)]
struct TrackedPod {
    running: RunningPod,
    is_reached: bool,
}

impl RunningPods {
    /// Takes in a Pod that appeared or changed; None for one that is gone.
    /// Events that change nothing of what is kept cost nothing later.
    pub fn set(&mut self, namespace: &str, name: &str, running: Option<RunningPod>) {
        match running {
            Some(running) => self.keep(namespace, name, running),
            None => self.forget(namespace, name),
        }
    }

    /// Takes in the complete list of running Pods.
    pub fn replace(&mut self, pods: Vec<(PodName, Option<RunningPod>)>) {
        let listed: HashSet<PodName> = pods.iter().map(|(name, _)| name.clone()).collect();
        let known = self.by_namespace.iter().flat_map(|(namespace, pods)| {
            pods.keys().map(|name| (namespace.clone(), name.clone()))
        });
        let gone: Vec<PodName> = known.filter(|name| !listed.contains(name)).collect();
        for (namespace, name) in gone {
            self.forget(&namespace, &name);
        }
        for ((namespace, name), running) in pods {
            self.set(&namespace, &name, running);
        }
    }

    /// How many Pods are kept.
    pub fn len(&self) -> usize {
        self.by_namespace.values().map(HashMap::len).sum()
    }

    /// All of them, in no order.
    pub fn all(&self) -> Vec<(PodName, RunningPod)> {
        let namespaces = self.by_namespace.iter();
        let pods = namespaces.flat_map(|(namespace, pods)| {
            pods.iter().map(|(name, kept)| {
                let name = (namespace.clone(), name.clone());
                (name, kept.running.clone())
            })
        });
        pods.collect()
    }

    pub fn is_empty(&self) -> bool {
        self.by_namespace.is_empty()
    }

    /// The Pods to check: those that changed since this was last called, and those in
    /// `namespaces`, where exposure paths changed.
    pub fn take_changed(&mut self, namespaces: &BTreeSet<Box<str>>) -> BTreeSet<PodName> {
        let mut due: BTreeSet<PodName> = mem::take(&mut self.changed).into_iter().collect();
        for namespace in namespaces {
            let pods = self.by_namespace.get(namespace).into_iter().flatten();
            due.extend(pods.map(|(name, _)| (namespace.clone(), name.clone())));
        }
        due
    }

    /// Checks one Pod, and returns it if it became reachable: once, until it is no longer
    /// reachable. One that is reachable when first seen counts too, as it may have been
    /// admitted a moment before its Service was known.
    pub fn check(&mut self, paths: &ExposurePaths, pod: &PodName) -> Option<NewlyExposedPod> {
        let (namespace, name) = pod;
        let pods = self.by_namespace.get_mut(namespace)?;
        pods.get_mut(name)?.check(paths, namespace, name)
    }

    fn keep(&mut self, namespace: &str, name: &str, running: RunningPod) {
        let pods = self.by_namespace.entry(namespace.into()).or_default();
        let known = pods.get_mut(name);
        if known.as_ref().is_some_and(|kept| kept.running == running) {
            return;
        }
        self.changed.insert((namespace.into(), name.into()));
        match known {
            Some(kept) => kept.change(running),
            None => {
                let kept = TrackedPod {
                    running,
                    is_reached: false,
                };
                pods.insert(name.into(), kept);
            }
        }
    }

    fn forget(&mut self, namespace: &str, name: &str) {
        self.changed.remove(&(namespace.into(), name.into()));
        if let Some(pods) = self.by_namespace.get_mut(namespace) {
            pods.remove(name);
            if pods.is_empty() {
                self.by_namespace.remove(namespace);
            }
        }
    }
}

impl TrackedPod {
    /// Another Pod under the same name, or other images in it, are news again.
    fn change(&mut self, running: RunningPod) {
        let is_same = self.running.uid == running.uid && self.running.images == running.images;
        self.is_reached &= is_same;
        self.running = running;
    }

    fn check(
        &mut self,
        paths: &ExposurePaths,
        namespace: &str,
        name: &str,
    ) -> Option<NewlyExposedPod> {
        let path = paths.path_to(namespace, &self.running.pod);
        let was_reached = mem::replace(&mut self.is_reached, path.is_some());
        let path = path.filter(|_| !was_reached)?;
        Some(NewlyExposedPod {
            namespace: namespace.into(),
            name: name.into(),
            owner: self.running.owner.clone(),
            images: self.running.images.clone(),
            path,
        })
    }
}
