//! What the configuration says of the cluster.

use globset::{Glob, GlobSetBuilder};

use crate::kubernetes::names::{SYSTEM_NAMESPACE, configuration_name};

/// One `[[clusters]]` table, in the words that matter here.
#[derive(Clone, Debug)]
pub struct ExpectedCluster {
    pub cluster: String,
    /// Where Sekisho runs in it.
    pub namespace: String,
    /// `exempt_namespaces`, by name.
    pub exempt: Vec<String>,
    /// Namespaces that are judged more laxly than the rest.
    pub lenient: Vec<LenientNamespaces>,
    /// What images are rewritten to: `host[:port]`.
    pub gateway: String,
    /// Whether its Pods count as internal unless something leads to them.
    pub internal: bool,
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

    /// Namespaces that webhooks leave alone, each once.
    pub(super) fn exempt_namespaces(&self) -> Vec<&str> {
        let mut all = vec![self.namespace.as_str(), SYSTEM_NAMESPACE];
        all.extend(self.exempt.iter().map(String::as_str));
        all.sort_unstable();
        all.dedup();
        all
    }

    pub(super) fn is_exempt(&self, namespace: &str) -> bool {
        self.exempt_namespaces().contains(&namespace)
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
