//! What gateways are still to be told: bounded, and whole again once one is reached.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::exemption::Exemption;
use super::judgement::StartDenial;
use crate::api::{MAX_NODE_EVENTS, NodeContainer, NodeDenial, NodeEventBatch};
use crate::nri::ContainerInPod;
use crate::oci::Digest;

/// The most denials that are kept. Those of one container are one.
const MAX_DENIALS: usize = 10_000;
/// The most containers that are known to run; a kubelet runs some hundred.
const MAX_RUNNING: usize = 50_000;

/// What happened on the node. All of it is in memory: what runs is told anew after a start.
#[derive(Default)]
pub(super) struct EventQueue {
    state: Mutex<Events>,
    changed: Notify,
}

#[derive(Default)]
struct Events {
    running: BTreeMap<String, ContainerInPod>,
    runtime: Option<String>,
    /// Whether all that runs is to be told again.
    anew: bool,
    started: BTreeSet<String>,
    ended: BTreeSet<String>,
    denials: VecDeque<NodeDenial>,
    dropped: u64,
}

impl EventQueue {
    /// The runtime that asks; all that runs is told by it next.
    pub(super) fn connected(&self, runtime: String) {
        self.lock().runtime = Some(runtime);
    }

    pub(super) fn disconnected(&self) {
        self.lock().runtime = None;
    }

    /// These run, and no others.
    pub(super) fn synchronized(&self, containers: &[ContainerInPod]) {
        let mut events = self.lock();
        let running = containers.iter().filter(|it| it.is_running);
        let running = running.map(|it| (it.id.clone(), it.clone()));
        events.running = running.take(MAX_RUNNING).collect();
        events.anew = true;
        drop(events);
        self.changed.notify_one();
    }

    pub(super) fn started(&self, started: &ContainerInPod) {
        let mut events = self.lock();
        if events.running.len() < MAX_RUNNING {
            let id = started.id.clone();
            events.ended.remove(&id);
            events.started.insert(id.clone());
            events.running.insert(id, started.clone());
        }
        drop(events);
        self.changed.notify_one();
    }

    pub(super) fn ended(&self, ended: &ContainerInPod) {
        let mut events = self.lock();
        if events.running.remove(&ended.id).is_some() {
            events.started.remove(&ended.id);
            events.ended.insert(ended.id.clone());
        }
        drop(events);
        self.changed.notify_one();
    }

    /// Something spoke against a container. Returns whether another denial had to go for it.
    pub(super) fn denied(
        &self,
        denied: &ContainerInPod,
        denial: &StartDenial,
        exemption: Option<Exemption>,
        refused: bool,
        at: Timestamp,
    ) -> bool {
        let new = NodeDenial {
            at,
            count: 1,
            refused,
            reason: denial.reason.clone(),
            digest: denial.digest.as_ref().map(Digest::to_string),
            exemption: exemption.map(|it| it.as_str().to_owned()),
            container: container(denied),
        };
        let is_full = self.lock().deny(new);
        self.changed.notify_one();
        is_full
    }

    /// All that runs is told again with the next batch.
    pub(super) fn tell_anew(&self) {
        self.lock().anew = true;
        self.changed.notify_one();
    }

    /// What runs.
    pub(super) fn running(&self) -> Vec<ContainerInPod> {
        self.lock().running.values().cloned().collect()
    }

    /// Resolves when there is something to tell.
    pub(super) fn changed(&self) -> impl Future<Output = ()> {
        self.changed.notified()
    }

    /// The next batch; `None`: there is nothing to tell.
    pub(super) fn take(&self) -> Option<NodeEventBatch> {
        self.lock().take()
    }

    /// No gateway took it: its denials are kept, and what runs is told anew.
    pub(super) fn give_back(&self, batch: NodeEventBatch) {
        let mut events = self.lock();
        events.anew = true;
        events.dropped += batch.dropped;
        for denial in batch.denials {
            events.deny(denial);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Events> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Events {
    /// Adds to one of the same container; returns whether the oldest had to go.
    fn deny(&mut self, new: NodeDenial) -> bool {
        let same = |it: &&mut NodeDenial| {
            (&it.container.pod_uid, &it.container.container)
                == (&new.container.pod_uid, &new.container.container)
                && (&it.reason, &it.digest, it.refused) == (&new.reason, &new.digest, new.refused)
        };
        if let Some(known) = self.denials.iter_mut().rev().take(100).find(same) {
            known.count += new.count;
            known.at = known.at.min(new.at);
            return false;
        }
        let is_full = self.denials.len() >= MAX_DENIALS;
        if is_full {
            self.denials.pop_front();
            self.dropped += 1;
        }
        self.denials.push_back(new);
        is_full
    }

    fn take(&mut self) -> Option<NodeEventBatch> {
        let anew = std::mem::take(&mut self.anew);
        if anew {
            self.started = self.running.keys().cloned().collect();
            self.ended.clear();
        }
        let is_idle = self.started.is_empty() && self.ended.is_empty() && self.denials.is_empty();
        if is_idle && !anew {
            return None;
        }
        let count = self.denials.len().min(MAX_NODE_EVENTS);
        Some(NodeEventBatch {
            runtime: self.runtime.clone(),
            anew,
            started: self.take_started(),
            ended: some_of(&mut self.ended),
            denials: self.denials.drain(..count).collect(),
            dropped: std::mem::take(&mut self.dropped),
            ..NodeEventBatch::default()
        })
    }

    fn take_started(&mut self) -> Vec<NodeContainer> {
        let ids = some_of(&mut self.started);
        let found = ids.iter().filter_map(|id| self.running.get(id));
        found.map(container).collect()
    }
}

fn some_of(all: &mut BTreeSet<String>) -> Vec<String> {
    let some = std::iter::from_fn(|| all.pop_first());
    some.take(MAX_NODE_EVENTS).collect()
}

fn container(it: &ContainerInPod) -> NodeContainer {
    NodeContainer {
        id: it.id.clone(),
        namespace: it.namespace.clone(),
        pod: it.pod.clone(),
        pod_uid: it.pod_uid.clone(),
        container: it.name.clone(),
        image: it.image.name.clone(),
        digests: it.image.digests.iter().map(Digest::to_string).collect(),
    }
}
