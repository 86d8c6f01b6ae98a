//! The program's RBAC rules in the cluster, as narrow as possible.

use serde_json::{Value, json};

use crate::kubernetes::names::{PROGRAM_NAME, SECRET_NAME, configuration_name};
use crate::kubernetes::objects::Installation;
use crate::kubernetes::objects::metadata::{metadata, metadata_in};

const RBAC: &str = "rbac.authorization.k8s.io";

/// The account, its rights in the cluster and in its own namespace.
pub(in crate::kubernetes::objects) fn rights(installation: &Installation) -> Vec<Value> {
    let namespace = &installation.namespace;
    let cluster_wide = format!("sekisho-{}", installation.cluster);
    vec![
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": metadata_in(namespace, PROGRAM_NAME),
        }),
        role(
            "ClusterRole",
            metadata(&cluster_wide),
            cluster_rules(installation),
        ),
        binding("ClusterRole", metadata(&cluster_wide), installation),
        role("Role", metadata_in(namespace, PROGRAM_NAME), own_rules()),
        binding("Role", metadata_in(namespace, PROGRAM_NAME), installation),
    ]
}

/// It watches what exposes Pods, maintains its two webhook configurations, and writes
/// events for the owners of denied Pods. The right to create a configuration is limited
/// to its name, which works since server-side apply has the name in its URL.
fn cluster_rules(installation: &Installation) -> Value {
    let ours = configuration_name(&installation.cluster);
    let webhooks = [
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
    ];
    json!([
        follow("", &["pods", "services"]),
        follow("networking.k8s.io", &["ingresses"]),
        follow("gateway.networking.k8s.io", &["grpcroutes", "httproutes"]),
        {
            "apiGroups": ["admissionregistration.k8s.io"],
            "resources": webhooks,
            "resourceNames": [ours],
            "verbs": ["create", "get", "patch"],
        },
        {
            "apiGroups": ["events.k8s.io"],
            "resources": ["events"],
            "verbs": ["create", "patch"],
        },
    ])
}

/// Its certificate, and nothing else's secrets. A right to create cannot be narrowed
/// to a name; nothing of others lies in this namespace.
fn own_rules() -> Value {
    let secrets =
        |verbs: &[&str]| json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": verbs });
    let mut own = secrets(&["get", "update"]);
    own["resourceNames"] = json!([SECRET_NAME]);
    json!([own, secrets(&["create"])])
}

fn follow(group: &str, resources: &[&str]) -> Value {
    json!({ "apiGroups": [group], "resources": resources, "verbs": ["list", "watch"] })
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
            "name": PROGRAM_NAME,
            "namespace": installation.namespace,
        }],
    })
}
