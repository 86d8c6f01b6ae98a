//! One cluster, as its webhooks see it.

use std::sync::Arc;

use globset::GlobSet;
use jiff::Timestamp;
use serde_json::Value;

use crate::gate::Listener;
use crate::kubernetes::client::DeniedPod;
use crate::trust::{ImageNames, Mode};

/// What nodes pull by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nodes {
    /// They have our mirror files: names of upstreams are sent here too.
    Mirror,
    /// Only names at the gateway reach it.
    #[default]
    RewriteOnly,
}

/// What holds for some namespaces.
#[derive(Clone, Debug)]
pub struct NamespaceRule {
    pub namespaces: GlobSet,
    /// Instead of the environment's.
    pub mode: Option<Mode>,
    /// Whether names of images are replaced there.
    pub rewrite: bool,
}

/// A cluster's part of the configuration.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub name: Arc<str>,
    /// Stands for the cluster where the gate judges: its environment and exposure.
    pub listener: Arc<Listener>,
    pub names: ImageNames,
    pub nodes: Nodes,
    /// Whether the digest that a tag means is written down with it.
    pub pin_digests: bool,
    /// Namespaces of which nothing is asked, our own among them.
    pub exempt: Vec<String>,
    /// The first that matches holds.
    pub namespaces: Vec<NamespaceRule>,
    /// A Secret of the Pod's namespace that new Pods pull with.
    pub pull_secret: Option<String>,
    /// Whether Pods may run what their node holds under a name (`Never`).
    pub allow_never: bool,
    pub callbacks: Callbacks,
}

/// How outside requests reach a Pod of a namespace, if they do; memory only.
pub type ReachedBy = Arc<dyn Fn(&str, &Value) -> Option<String> + Send + Sync>;

/// Hears of a denied Pod; it must not block.
pub type OnDenied = Arc<dyn Fn(DeniedPod, Timestamp) + Send + Sync>;

/// What the client of the cluster's API adds, where there is one.
#[derive(Clone, Default)]
pub struct Callbacks {
    pub reached_by: Option<ReachedBy>,
    pub on_denied: Option<OnDenied>,
}

impl std::fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Callbacks")
            .field("reached_by", &self.reached_by.is_some())
            .field("on_denied", &self.on_denied.is_some())
            .finish()
    }
}

impl Cluster {
    pub(super) fn is_exempt(&self, namespace: &str) -> bool {
        self.exempt.iter().any(|exempt| exempt == namespace)
    }

    pub(super) fn rule(&self, namespace: &str) -> Option<&NamespaceRule> {
        self.namespaces
            .iter()
            .find(|rule| rule.namespaces.is_match(namespace))
    }
}
