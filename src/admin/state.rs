//! The state that all handlers share.

use std::sync::Arc;

use jiff::Timestamp;

use super::{EnvironmentImageNames, Hosts};
use crate::api::{ExposureWatchState, ReplayRequest, ReplicaView, Status};
use crate::gate::{DecisionFeed, ExposureInput, Gate, Listener, RecentDecisions};
use crate::kubernetes::exposure::{PodName, RunningPod};
use crate::ledger::Ledger;
use crate::metrics::Activity;
use crate::notify::Notifier;
use crate::oci::RegistryHost;
use crate::tasks::HeavyWork;
use crate::trust::{EnvironmentName, Exposure, Rulebook};
use crate::uploads::Uploads;

/// Builds the answer of `status`; `None` while the program stops.
pub type StatusSource = Arc<dyn Fn(Timestamp) -> Option<Status> + Send + Sync>;

/// What is written in files of policy and does not hold: who looks for an entry of such a file
/// finds none.
pub type PolicyProblems = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// Parses the policy of a replay; the error text says what is wrong with it.
pub type PolicyReader =
    Arc<dyn Fn(&ReplayRequest, Timestamp) -> Result<Rulebook, String> + Send + Sync>;

/// The listener that pulls in an environment would come in by; nothing while the
/// program stops.
pub type Pulls = Arc<dyn Fn(&EnvironmentName) -> Option<Arc<Listener>> + Send + Sync>;

/// What runs in a cluster, as far as it is known.
#[derive(Clone, Debug)]
pub struct ClusterPods {
    pub name: String,
    pub environment: EnvironmentName,
    /// Of its Pods, where nothing says otherwise.
    pub exposure: Exposure,
    pub state: ExposureWatchState,
    /// What is not known, and why.
    pub detail: Option<String>,
    /// Whether it is known what leads to Pods from outside.
    pub ways: ExposureWatchState,
    pub ways_detail: Option<String>,
    pub pods: Vec<(PodName, RunningPod)>,
    pub reach: PodReach,
}

/// The way by which requests from outside reach a running Pod of a cluster, as far as one
/// is known.
#[derive(Clone)]
pub struct PodReach(Arc<Way>);

type Way = dyn Fn(&str, &RunningPod) -> Option<String> + Send + Sync;

impl PodReach {
    pub fn new(way: impl Fn(&str, &RunningPod) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(way))
    }

    /// Of a cluster that is not asked.
    pub fn unknown() -> Self {
        Self::new(|_, _| None)
    }

    pub(super) fn way_to(&self, namespace: &str, pod: &RunningPod) -> Option<String> {
        (self.0)(namespace, pod)
    }
}

impl std::fmt::Debug for PodReach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PodReach")
    }
}

/// Every configured cluster with its Pods; none while the program stops.
pub type PodSource = Arc<dyn Fn() -> Vec<ClusterPods> + Send + Sync>;

/// The processes that serve the same ledger, this one first; none while the program stops.
pub type ReplicaSource = Arc<dyn Fn() -> Vec<ReplicaView> + Send + Sync>;

/// The door's own parts.
#[derive(Clone)]
pub struct Admin {
    pub gate: Arc<Gate>,
    pub ledger: Arc<Ledger>,
    /// Decisions as they come.
    pub feed: Arc<DecisionFeed>,
    /// Decisions of the last hours.
    pub recent: Arc<RecentDecisions>,
    /// How much was pulled and denied over time.
    pub activity: Arc<Activity>,
    /// Who is told without asking.
    pub notifier: Arc<Notifier>,
    /// Where recorded image names without a host lie.
    pub default_host: RegistryHost,
    /// How names of images are read, by the nodes' environment.
    pub names: Arc<EnvironmentImageNames>,
    pub hosts: Arc<Hosts>,
    /// Whether anyone on this machine reads without a token.
    pub anonymous_reads: bool,
    pub pulls: Pulls,
    pub pods: PodSource,
    pub status: StatusSource,
    pub not_in_force: PolicyProblems,
    pub replicas: ReplicaSource,
    pub policies: PolicyReader,
    /// How bodies are taken in.
    pub uploads: Arc<Uploads>,
    /// Where large bodies are read.
    pub heavy: HeavyWork,
}

impl Admin {
    /// The exposure that a pull through the environment's listener has.
    pub(super) fn exposure_of_pulls(&self, environment: &EnvironmentName) -> ExposureInput {
        let listener = (self.pulls)(environment);
        let exposure = listener.map_or(Exposure::External, |it| it.exposure);
        ExposureInput::Listener(exposure)
    }
}
