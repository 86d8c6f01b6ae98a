//! What the program may do in the cluster, and not a verb more.

use serde_json::{Value, json};

use crate::installation::Installation;
use crate::installation::names::{OWN, SECRET, configuration_name, metadata, metadata_in};

const RBAC: &str = "rbac.authorization.k8s.io";

/// The account, its rights in the cluster and in its own namespace.
pub(in crate::installation) fn rights(installation: &Installation) -> Vec<Value> {
    let namespace = &installation.namespace;
    let cluster_wide = format!("sekisho-{}", installation.cluster);
    vec![
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": metadata_in(namespace, OWN),
        }),
        role(
            "ClusterRole",
            metadata(&cluster_wide),
            cluster_rules(installation),
        ),
        binding("ClusterRole", metadata(&cluster_wide), installation),
        role("Role", metadata_in(namespace, OWN), own_rules()),
        binding("Role", metadata_in(namespace, OWN), installation),
    ]
}

/// It reads what shows which Pods are exposed, and keeps its two webhook
/// configurations. Making one is a right on the same names: they are applied, and an
/// object that is applied has its name in the request.
fn cluster_rules(installation: &Installation) -> Value {
    let ours = configuration_name(&installation.cluster);
    let webhooks = [
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
    ];
    json!([
        read("", &["namespaces", "pods", "services"]),
        read("discovery.k8s.io", &["endpointslices"]),
        read("networking.k8s.io", &["ingresses"]),
        read("gateway.networking.k8s.io", &["httproutes"]),
        {
            "apiGroups": ["admissionregistration.k8s.io"],
            "resources": webhooks,
            "resourceNames": [ours],
            "verbs": ["create", "get", "patch", "update"],
        },
    ])
}

/// Its certificate, and nothing else's secrets.
fn own_rules() -> Value {
    json!([{
        "apiGroups": [""],
        "resources": ["secrets"],
        "resourceNames": [SECRET],
        "verbs": ["create", "get", "patch", "update"],
    }])
}

fn read(group: &str, resources: &[&str]) -> Value {
    json!({
        "apiGroups": [group],
        "resources": resources,
        "verbs": ["get", "list", "watch"],
    })
}

fn role(kind: &str, metadata: Value, rules: Value) -> Value {
    json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": kind,
        "metadata": metadata,
        "rules": rules,
    })
}

/// Binds a role of the same name to the account.
fn binding(kind: &str, metadata: Value, installation: &Installation) -> Value {
    json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": format!("{kind}Binding"),
        "roleRef": { "apiGroup": RBAC, "kind": kind, "name": metadata["name"] },
        "metadata": metadata,
        "subjects": [{
            "kind": "ServiceAccount",
            "name": OWN,
            "namespace": installation.namespace,
        }],
    })
}
