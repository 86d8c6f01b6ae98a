//! Who may make namespaces, by the roles of the whole cluster.

use serde_json::Value;

use super::snapshot::{holds, list, name_of, text};
use crate::kubernetes::names::SYSTEM_NAMESPACE;

/// Its members may do everything.
const MASTERS_GROUP: &str = "system:masters";

/// Users, groups and service accounts, besides administrators of the cluster and
/// the cluster's own controllers; in order, each once.
pub(super) fn may_make_namespaces(
    roles: &[Value],
    bindings: &[Value],
    own_namespace: &str,
) -> Vec<String> {
    let makes = |role: &&Value| list(role, "/rules").iter().any(is_to_make_namespaces);
    let roles: Vec<&str> = roles.iter().filter(makes).map(name_of).collect();
    let mut found: Vec<String> = bindings
        .iter()
        .filter(|binding| text(binding, "/roleRef/kind") == "ClusterRole")
        .filter(|binding| roles.contains(&text(binding, "/roleRef/name")))
        .flat_map(|binding| list(binding, "/subjects"))
        .filter(|subject| !is_the_clusters_own(subject, own_namespace))
        .map(title)
        .collect();
    found.sort();
    found.dedup();
    found
}

fn is_to_make_namespaces(rule: &Value) -> bool {
    holds(rule, "/verbs", &["create", "*"])
        && holds(rule, "/apiGroups", &["", "*"])
        && holds(rule, "/resources", &["namespaces", "*"])
}

fn is_the_clusters_own(subject: &Value, own_namespace: &str) -> bool {
    let (name, namespace) = (text(subject, "/name"), text(subject, "/namespace"));
    match text(subject, "/kind") {
        "ServiceAccount" => namespace == SYSTEM_NAMESPACE || namespace == own_namespace,
        "Group" => name == MASTERS_GROUP || name == "kubeadm:cluster-admins",
        _ => name.starts_with("system:"),
    }
}

fn title(subject: &Value) -> String {
    let (kind, name) = (text(subject, "/kind"), text(subject, "/name"));
    match text(subject, "/namespace") {
        "" => format!("{kind} {name}"),
        namespace => format!("{kind} {namespace}/{name}"),
    }
}
