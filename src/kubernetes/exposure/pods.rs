//! The Pods that run, and which of them became reachable.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::mem;

use super::{Owner, Pod, Way, Ways};

/// What is kept of a running Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    pub uid: Box<str>,
    pub pod: Pod,
    pub owner: Option<Owner>,
    /// Its images as the Pod names them.
    pub images: Vec<String>,
}

/// A running Pod that requests from outside can reach now, and could not as far
/// as was known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    pub namespace: Box<str>,
    pub name: Box<str>,
    pub owner: Option<Owner>,
    /// Its images as the Pod names them.
    pub images: Vec<String>,
    pub way: Way,
}

/// The running Pods of a cluster.
#[derive(Debug, Default)]
pub struct Pods {
    by_namespace: HashMap<Box<str>, HashMap<Box<str>, Kept>>,
    /// Those that appeared or changed since they were last judged.
    changed: HashSet<PodName>,
}

/// Namespace and name of a Pod.
pub type PodName = (Box<str>, Box<str>);

#[derive(Debug)]
struct Kept {
    running: Running,
    is_reached: bool,
}

impl Pods {
    /// Takes in a Pod that appeared or changed; None for one that is gone.
    /// Events that change nothing of what is kept cost nothing later.
    pub fn set(&mut self, namespace: &str, name: &str, running: Option<Running>) {
        match running {
            Some(running) => self.keep(namespace, name, running),
            None => self.forget(namespace, name),
        }
    }

    /// Takes in the complete list of running Pods.
    pub fn replace(&mut self, pods: Vec<(PodName, Option<Running>)>) {
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

    pub fn is_empty(&self) -> bool {
        self.by_namespace.is_empty()
    }

    /// The Pods to look at anew: those that changed since this was last called,
    /// and those in `namespaces`, where the ways changed.
    pub fn take_due(&mut self, namespaces: &BTreeSet<Box<str>>) -> BTreeSet<PodName> {
        let mut due: BTreeSet<PodName> = mem::take(&mut self.changed).into_iter().collect();
        for namespace in namespaces {
            let pods = self.by_namespace.get(namespace).into_iter().flatten();
            due.extend(pods.map(|(name, _)| (namespace.clone(), name.clone())));
        }
        due
    }

    /// Looks at one Pod, and tells it if it became reachable: once, until it stops
    /// being so. One that is reachable when first seen counts too, as it may have
    /// been admitted a moment before its Service was known.
    pub fn look(&mut self, ways: &Ways, pod: &PodName) -> Option<Raised> {
        let (namespace, name) = pod;
        let pods = self.by_namespace.get_mut(namespace)?;
        pods.get_mut(name)?.look(ways, namespace, name)
    }

    fn keep(&mut self, namespace: &str, name: &str, running: Running) {
        let pods = self.by_namespace.entry(namespace.into()).or_default();
        let known = pods.get_mut(name);
        if known.as_ref().is_some_and(|kept| kept.running == running) {
            return;
        }
        self.changed.insert((namespace.into(), name.into()));
        match known {
            Some(kept) => kept.change(running),
            None => {
                let kept = Kept {
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

impl Kept {
    /// Another Pod under the same name, or other images in it, are news again.
    fn change(&mut self, running: Running) {
        let is_same = self.running.uid == running.uid && self.running.images == running.images;
        self.is_reached &= is_same;
        self.running = running;
    }

    fn look(&mut self, ways: &Ways, namespace: &str, name: &str) -> Option<Raised> {
        let way = ways.way_to(namespace, &self.running.pod);
        let was_reached = mem::replace(&mut self.is_reached, way.is_some());
        let way = way.filter(|_| !was_reached)?;
        Some(Raised {
            namespace: namespace.into(),
            name: name.into(),
            owner: self.running.owner.clone(),
            images: self.running.images.clone(),
            way,
        })
    }
}
