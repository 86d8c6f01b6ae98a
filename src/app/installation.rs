//! The cluster's objects by the configuration: for the command that prints them and for
//! the reconciler.

use super::config::{ClusterConfig, Config, NamespaceConfig, NodeMode, OnFailure};
use crate::kubernetes::objects::{
    Endpoint, FailurePolicy, Installation, InstallationError, NamespaceRule, NodeNames,
    UpstreamRoute,
};

/// The installation in `cluster`, with the webhook reached through its Service, under
/// no bundle yet.
///
/// # Errors
/// [`InstallationError`] where the configuration says too little to install by.
pub fn installation(
    config: &Config,
    cluster: &ClusterConfig,
) -> Result<Installation, InstallationError> {
    let upstreams = config.upstreams.iter();
    let route = |upstream: &super::config::UpstreamConfig| UpstreamRoute {
        host: upstream.name.clone(),
        path: upstream.path.clone(),
    };
    Ok(Installation {
        cluster: cluster.name.clone(),
        namespace: cluster.home().to_owned(),
        runs_here: cluster.namespace.is_some(),
        gateway: cluster.gateway.clone(),
        nodes: match cluster.nodes {
            NodeMode::Mirror => NodeNames::Mirror,
            NodeMode::RewriteOnly => NodeNames::RewriteOnly,
        },
        upstreams: upstreams.map(route).collect(),
        exempt_namespaces: cluster.exempt_namespaces.clone(),
        namespaces: rules(&cluster.namespaces)?,
        allow_never: cluster.allow_never,
        endpoint: Endpoint::Service,
        ca_bundle: None,
        failure_policy: match cluster.failure_policy {
            OnFailure::Ignore => FailurePolicy::Ignore,
            OnFailure::Fail => FailurePolicy::Fail,
        },
    })
}

fn rules(rules: &[NamespaceConfig]) -> Result<Vec<NamespaceRule>, InstallationError> {
    let rule = |rule: &NamespaceConfig| NamespaceRule::new(&rule.globs, rule.rewrite);
    rules.iter().map(rule).collect()
}
