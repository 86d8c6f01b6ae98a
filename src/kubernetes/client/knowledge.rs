//! What is known of a cluster: the ways into it, and the Pods that run.
//!
//! Everything lies in memory. Questions take a read lock for as long as the
//! Services of one namespace are walked; what the watches bring takes a write
//! lock for one change.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use serde_json::Value;

use super::watched::Watched;
use crate::kubernetes::exposure::{Pod, PodName, Pods, Raised, Ways};

/// Pods looked at under one lock: a few milliseconds at most, since a writer that
/// waits for it holds up questions.
const AT_ONCE: usize = 256;

/// The exposure of Pods in one cluster, as far as it is known.
#[derive(Default)]
pub struct Knowledge {
    ways: RwLock<Ways>,
    pods: Mutex<Pods>,
    states: Mutex<BTreeMap<Watched, WatchState>>,
}

/// How well a kind of objects is known.
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

impl Knowledge {
    /// The way by which requests from outside reach this Pod, in words; None
    /// where none is known, which proves nothing.
    ///
    /// `pod` is a raw Pod or a Pod template. Memory only, and never waits.
    pub fn reached_by(&self, namespace: &str, pod: &Value) -> Option<String> {
        let pod = Pod::read(pod);
        let ways = self.ways.read().unwrap_or_else(PoisonError::into_inner);
        let way = ways.way_to(namespace, &pod);
        way.map(|way| way.to_string())
    }

    /// The running Pods that became reachable since this was last called: their
    /// exposure has risen, and whoever judges should look at them again.
    pub fn raised_once(&self) -> Vec<Raised> {
        let changed = self.change_ways(Ways::take_changed);
        let due = self.pods().take_due(&changed);
        let due: Vec<PodName> = due.into_iter().collect();
        let mut raised = Vec::new();
        for some in due.chunks(AT_ONCE) {
            let mut pods = self.pods();
            let ways = self.ways.read().unwrap_or_else(PoisonError::into_inner);
            raised.extend(some.iter().filter_map(|pod| pods.look(&ways, pod)));
        }
        raised
    }

    /// How many running Pods are kept in memory.
    pub fn pods_kept(&self) -> usize {
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

    /// Remembers how well a kind is known, and tells it when that changes; not
    /// when one failure follows another.
    pub(super) fn report(&self, kind: Watched, state: WatchState) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let known = states.get(&kind).map(mem::discriminant);
        if known != Some(mem::discriminant(&state)) {
            log(kind, &state);
        }
        states.insert(kind, state);
    }

    /// A watch that says nothing for long has no failure to tell.
    pub(super) fn recovered(&self, kind: Watched) {
        let state = self.state(kind);
        if matches!(state, Some(WatchState::Failing(_))) {
            self.report(kind, WatchState::Current);
        }
    }

    fn state(&self, kind: Watched) -> Option<WatchState> {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.get(&kind).cloned()
    }

    pub(super) fn change_ways<T>(&self, change: impl FnOnce(&mut Ways) -> T) -> T {
        change(&mut self.ways.write().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn change_pods(&self, change: impl FnOnce(&mut Pods)) {
        change(&mut self.pods());
    }

    fn pods(&self) -> MutexGuard<'_, Pods> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log(kind: Watched, state: &WatchState) {
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
