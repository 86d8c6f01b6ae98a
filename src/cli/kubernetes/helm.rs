//! The values of the chart, which makes of them what `manifests` prints.

use serde_json::{Value, json};

use crate::kubernetes::objects::{AgentIdentity, AgentWorkload, Installation, Replicas, Workload};

/// The comment above the values.
pub(super) fn preface(installation: &Installation) -> String {
    let Installation {
        cluster, namespace, ..
    } = installation;
    format!(
        "Values of config/helm/sekisho for the cluster {cluster}:\n\
         helm upgrade --install sekisho config/helm/sekisho --namespace {namespace} \
         --create-namespace --values FILE"
    )
}

/// The chart reads in the configuration what it needs besides.
pub(super) fn values(program: &Workload, policies: Vec<Value>) -> Value {
    let mut values = json!({
        "image": program.image,
        "config": program.config,
        "policies": policies,
    });
    if let Replicas::Shared(count) = program.replicas {
        values["replicas"] = json!(count);
    }
    values
}

/// What the chart cannot read in the configuration.
pub(super) fn node_agent(agent: &AgentWorkload) -> Value {
    let mut values = json!({ "enabled": true, "snapshotKey": agent.snapshot_keys });
    let certificates = match &agent.identity {
        AgentIdentity::Token => None,
        AgentIdentity::Certificate(folder) => Some(folder),
    };
    for (name, value) in [
        ("ca", agent.ca.as_ref()),
        ("criSocket", agent.cri_socket.as_ref()),
        ("certificateFolder", certificates),
    ] {
        if let Some(value) = value {
            values[name] = json!(value);
        }
    }
    values
}
