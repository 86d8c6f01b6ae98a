//! The objects beside the DaemonSet, and all of them together.

use serde_json::{Value, json};

use super::daemon_set::daemon_set;
use super::inputs::{AgentWorkload, CA_FILE, KEYS_FILE};
use super::metadata::{labels, metadata};
use crate::kubernetes::names::AGENT_NAMESPACE;
use crate::kubernetes::objects::{Installation, InstallationError};

impl Installation {
    /// What runs the agents there, in an order in which it can be applied.
    ///
    /// # Errors
    /// [`InstallationError`] where the installation does not hold together.
    pub fn node_agent(&self, agent: &AgentWorkload) -> Result<Vec<Value>, InstallationError> {
        agent.check(self)?;
        Ok(vec![
            namespace(),
            account(),
            trust(agent),
            daemon_set(self, agent),
        ])
    }
}

fn namespace() -> Value {
    let mut labels = labels();
    for level in ["enforce", "warn", "audit"] {
        labels[format!("pod-security.kubernetes.io/{level}")] = json!("privileged");
    }
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": { "name": AGENT_NAMESPACE, "labels": labels },
    })
}

/// Without any right; its token is mounted nowhere.
fn account() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(),
    })
}

/// Whose snapshots it takes, and by whom the gateway's certificate is signed.
fn trust(agent: &AgentWorkload) -> Value {
    let mut files = json!({ KEYS_FILE: agent.snapshot_keys });
    if let Some(ca) = &agent.ca {
        files[CA_FILE] = json!(ca);
    }
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(),
        "data": files,
    })
}
