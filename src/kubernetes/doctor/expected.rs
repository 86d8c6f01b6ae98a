//! What the configuration says of the cluster.

use globset::{Glob, GlobSetBuilder};
use serde_json::Value;

use super::snapshot::{Snapshot, name_of, text};
use crate::kubernetes::names::{PROGRAM_NAME, SYSTEM_NAMESPACE, configuration_name};

/// One `[[clusters]]` table, in the words that matter here.
#[derive(Clone, Debug)]
pub struct ExpectedCluster {
    pub cluster: String,
    /// Where Sekisho runs in it, if it does.
    pub namespace: String,
    /// Whether the configuration says that it does.
    pub runs_here: bool,
    /// `exempt_namespaces`, by name.
    pub exempt: Vec<String>,
    /// Namespaces that are judged more laxly than the rest.
    pub lenient: Vec<LenientNamespaces>,
    /// What images are rewritten to: `host[:port]`.
    pub gateway: String,
    /// Whether its Pods count as internal unless something leads to them.
    pub internal: bool,
    pub printed: PrintedObjects,
}

/// What `sekisho kubernetes manifests` prints of webhooks and policies: an object of a kind
/// and a name once in each.
#[derive(Clone, Debug, Default)]
pub struct PrintedObjects {
    /// Where the program runs in the cluster: its own namespace is exempt.
    pub at_home: Vec<Value>,
    /// Where its webhook is reached elsewhere, as the configuration has it.
    pub elsewhere: Vec<Value>,
}

impl PrintedObjects {
    /// The object, as it is printed in one of both cases.
    pub(super) fn find<'a>(among: &'a [Value], kind: &str, name: &str) -> Option<&'a Value> {
        let mut all = among.iter();
        all.find(|object| text(object, "/kind") == kind && name_of(object) == name)
    }
}

/// Patterns of names whose namespaces are in `audit` or `warn`.
#[derive(Clone, Debug)]
pub struct LenientNamespaces {
    pub globs: Vec<String>,
    pub mode: String,
}

impl ExpectedCluster {
    /// The name of both webhook configurations.
    pub fn configuration(&self) -> String {
        configuration_name(&self.cluster)
    }

    /// Sekisho's own namespace, where it runs in the cluster: so it is written, or there is
    /// its Deployment.
    pub(super) fn own_namespace(&self, snapshot: &Snapshot) -> Option<&str> {
        let is_seen = snapshot.deployments.named(PROGRAM_NAME).is_some();
        (self.runs_here || is_seen).then_some(self.namespace.as_str())
    }

    /// Namespaces that webhooks leave alone, each once.
    pub(super) fn exempt_namespaces(&self, snapshot: &Snapshot) -> Vec<&str> {
        let own = self.own_namespace(snapshot);
        let mut all: Vec<&str> = own.into_iter().chain([SYSTEM_NAMESPACE]).collect();
        all.extend(self.exempt.iter().map(String::as_str));
        all.sort_unstable();
        all.dedup();
        all
    }

    pub(super) fn is_exempt(&self, snapshot: &Snapshot, namespace: &str) -> bool {
        self.exempt_namespaces(snapshot).contains(&namespace)
    }
}

impl LenientNamespaces {
    /// A glob that cannot be read matches nothing; the configuration refuses it.
    pub(super) fn matches(&self, namespace: &str) -> bool {
        let mut set = GlobSetBuilder::new();
        for glob in self.globs.iter().filter_map(|text| Glob::new(text).ok()) {
            set.add(glob);
        }
        set.build().is_ok_and(|set| set.is_match(namespace))
    }
}
