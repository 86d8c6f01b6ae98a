//! What to apply to a cluster: the objects that run Sekisho there and send every
//! Pod's images to it.
//!
//! Pure: what the objects say, not the applying. Whatever the API server needs no
//! Pod of ours for is left to it: exemptions stand in selectors and conditions that
//! it evaluates itself, and the allow-list of registries is a policy in CEL. So
//! nothing here can keep Sekisho's own Pod, or the cluster's own, from being made
//! again while all of ours are gone; `tests/drill.rs` plays that through.

mod cel;
mod error;
mod installation;
mod literal;
mod metadata;
mod namespaces;
mod node_agent;
mod plan;
mod registries;
mod rewrite;
mod scope;
#[cfg(test)]
mod tests;
mod webhooks;
mod workload;
mod yaml;

pub use error::InstallationError;
pub use installation::{
    Endpoint, FailurePolicy, Installation, KubernetesVersion, NodeNames, Ports, Replicas,
    UpstreamRoute, Workload,
};
pub use namespaces::NamespaceRule;
pub use node_agent::{AgentIdentity, AgentWorkload};
pub use webhooks::webhook_configurations;
pub use workload::{mount_problem, plain_path};
pub use yaml::{list, to_yaml};
