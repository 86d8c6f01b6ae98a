//! One cluster, as its webhooks see it.

use std::sync::Arc;

use globset::GlobSet;
use jiff::Timestamp;
use serde_json::Value;

use crate::gate::Listener;
use crate::kubernetes::client::DeniedPod;
use crate::trust::{ImageNames, Mode};

/// By which image names the cluster's nodes reach the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeRouting {
    /// Nodes have mirror files: the names of upstreams lead to the gateway, too.
    Mirror,
    /// Nodes have no mirror files: only names under the gateway's own host lead to it.
    #[default]
    RewriteOnly,
}

/// What holds for some namespaces.
#[derive(Clone, Debug)]
pub struct NamespacePolicy {
    pub namespaces: GlobSet,
    /// Instead of the environment's.
    pub mode: Option<Mode>,
    /// Whether names of images are replaced there.
    pub rewrite: bool,
}

/// A cluster's part of the configuration.
#[derive(Clone, Debug)]
pub struct ClusterPolicy {
    pub name: Arc<str>,
    /// Stands for the cluster where the gate judges: its environment and exposure.
    pub listener: Arc<Listener>,
    pub names: ImageNames,
    pub nodes: NodeRouting,
    /// Whether the digest that a tag means is written down with it.
    pub pin_digests: bool,
    /// Exempt namespaces; Sekisho's own among them where it runs in the cluster.
    pub exempt: Vec<String>,
    /// The first entry that matches applies.
    pub namespaces: Vec<NamespacePolicy>,
    /// A Secret of the Pod's namespace that new Pods pull with.
    pub pull_secret: Option<String>,
    /// Whether Pods may run what their node holds under a name (`Never`).
    pub allow_never: bool,
    pub callbacks: ClusterCallbacks,
}

/// The exposure path to a Pod of a namespace, in words; `None`: none is known. Memory
/// only.
pub type ReachedBy = Arc<dyn Fn(&str, &Value) -> Option<String> + Send + Sync>;

/// Called for each denied Pod; must not block.
pub type OnDenied = Arc<dyn Fn(DeniedPod, Timestamp) + Send + Sync>;

/// What the client of the cluster's API adds, where there is one.
#[derive(Clone, Default)]
pub struct ClusterCallbacks {
    pub reached_by: Option<ReachedBy>,
    pub on_denied: Option<OnDenied>,
}

impl std::fmt::Debug for ClusterCallbacks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Callbacks")
            .field("reached_by", &self.reached_by.is_some())
            .field("on_denied", &self.on_denied.is_some())
            .finish()
    }
}

impl ClusterPolicy {
    pub(super) fn is_exempt(&self, namespace: &str) -> bool {
        self.exempt.iter().any(|exempt| exempt == namespace)
    }

    pub(super) fn rule(&self, namespace: &str) -> Option<&NamespacePolicy> {
        self.namespaces
            .iter()
            .find(|rule| rule.namespaces.is_match(namespace))
    }
}
