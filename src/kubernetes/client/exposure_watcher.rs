//! The exposure of a cluster's Pods: exposure paths and running Pods, kept up to date by
//! watches.
//!
//! All of it is in memory. A query holds a read lock while it walks the Services of one
//! namespace; a watch event holds a write lock for one change.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use serde_json::Value;

use super::watched_kind::WatchedKind;
use crate::kubernetes::exposure::{
    ExposurePaths, NewlyExposedPod, Pod, PodName, RunningPod, RunningPods,
};

/// Pods checked under one lock, so that it is held for a few milliseconds at most: a
/// waiting writer blocks queries.
const PODS_PER_LOCK: usize = 256;

/// The exposure of Pods in one cluster, as far as it is known.
#[derive(Default)]
pub struct ExposureWatcher {
    paths: RwLock<ExposurePaths>,
    pods: Mutex<RunningPods>,
    states: Mutex<BTreeMap<WatchedKind, WatchState>>,
}

/// The state of the watch of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchState {
    /// Followed: what the API server knows is known here.
    Current,
    /// The cluster has no such kind.
    Absent,
    /// The service account may not read it; the API server's words.
    Forbidden(String),
    /// Cannot be followed now: what was known last still holds. The cause.
    Failing(String),
}

impl ExposureWatcher {
    /// The way by which requests from outside reach this Pod, in words; None
    /// where none is known, which proves nothing.
    ///
    /// `pod` is a raw Pod or a Pod template. Memory only, and never waits.
    pub fn reached_by(&self, namespace: &str, pod: &Value) -> Option<String> {
        self.way_to(namespace, &Pod::read(pod))
    }

    /// The same of a Pod that was read before.
    pub fn way_to(&self, namespace: &str, pod: &Pod) -> Option<String> {
        let paths = self.paths.read().unwrap_or_else(PoisonError::into_inner);
        let path = paths.path_to(namespace, pod);
        path.map(|path| path.to_string())
    }

    /// Whether requests from outside reach a running Pod, as far as is known.
    pub fn reaches(&self, namespace: &str, pod: &Pod) -> bool {
        let paths = self.paths.read().unwrap_or_else(PoisonError::into_inner);
        paths.path_to(namespace, pod).is_some()
    }

    /// The running Pods that became reachable since the last call, to be judged again as
    /// external.
    pub fn newly_exposed_once(&self) -> Vec<NewlyExposedPod> {
        let changed = self.change_paths(ExposurePaths::take_changed);
        let due = self.pods().take_changed(&changed);
        let due: Vec<PodName> = due.into_iter().collect();
        let mut newly_exposed = Vec::new();
        for some in due.chunks(PODS_PER_LOCK) {
            let mut pods = self.pods();
            let paths = self.paths.read().unwrap_or_else(PoisonError::into_inner);
            newly_exposed.extend(some.iter().filter_map(|pod| pods.check(&paths, pod)));
        }
        newly_exposed
    }

    /// The running Pods that are known, with the images that they run.
    pub fn running_pods(&self) -> Vec<(PodName, RunningPod)> {
        self.pods().all()
    }

    /// How many running Pods are kept in memory.
    pub fn pod_count(&self) -> usize {
        self.pods().len()
    }

    /// Each watched kind by its plural name; those absent here were not heard
    /// of yet.
    pub fn states(&self) -> Vec<(&'static str, WatchState)> {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let known = states.iter();
        known
            .map(|(kind, state)| (kind.plural(), state.clone()))
            .collect()
    }

    /// Stores the state of a watch and logs changes; a failure after a failure is not
    /// logged again.
    pub(super) fn report(&self, kind: WatchedKind, state: WatchState) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let known = states.get(&kind).map(mem::discriminant);
        if known != Some(mem::discriminant(&state)) {
            log(kind, &state);
        }
        states.insert(kind, state);
    }

    /// Marks a quiet watch as current.
    pub(super) fn recovered(&self, kind: WatchedKind) {
        let state = self.state(kind);
        if matches!(state, Some(WatchState::Failing(_))) {
            self.report(kind, WatchState::Current);
        }
    }

    fn state(&self, kind: WatchedKind) -> Option<WatchState> {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.get(&kind).cloned()
    }

    pub(super) fn change_paths<T>(&self, change: impl FnOnce(&mut ExposurePaths) -> T) -> T {
        change(&mut self.paths.write().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn change_pods(&self, change: impl FnOnce(&mut RunningPods)) {
        change(&mut self.pods());
    }

    fn pods(&self) -> MutexGuard<'_, RunningPods> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log(kind: WatchedKind, state: &WatchState) {
    let kind = kind.plural();
    match state {
        WatchState::Current => tracing::info!(cluster.kind = kind, "the cluster is followed"),
        WatchState::Absent => tracing::info!(cluster.kind = kind, "the cluster has no such kind"),
        WatchState::Forbidden(error) => tracing::warn!(
            cluster.kind = kind,
            error,
            "the cluster may not be followed: what these open to the outside stays unknown; \
             give the service account `list` and `watch`"
        ),
        WatchState::Failing(error) => tracing::warn!(
            cluster.kind = kind,
            error,
            "the cluster cannot be followed: what was last known holds"
        ),
    }
}
