//! The scope of webhooks and policies. The API server evaluates it, also while no Pod of
//! Sekisho runs.

use serde_json::{Value, json};

use super::Installation;
use super::{cel, literal};

/// Set by the API server on every namespace, to its name; it cannot be changed.
const NAMESPACE_NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Namespaces that are not exempt.
pub(super) fn namespaces(installation: &Installation) -> Value {
    json!({ "matchExpressions": [{
        "key": NAMESPACE_NAME_LABEL,
        "operator": "NotIn",
        "values": installation.exempt(),
    }]})
}

/// Pods when they are made or changed, and containers that are added to running ones.
/// `pods` alone would let those in unseen (CVE-2023-2727).
pub(super) fn pods() -> Value {
    json!([
        rule("", "v1", &["CREATE", "UPDATE"], &["pods"]),
        rule("", "v1", &["UPDATE"], &["pods/ephemeralcontainers"]),
    ])
}

/// What holds a template of Pods.
pub(super) fn templates() -> Value {
    let both = ["CREATE", "UPDATE"];
    let apps = ["daemonsets", "deployments", "replicasets", "statefulsets"];
    json!([
        rule("apps", "v1", &both, &apps),
        rule("batch", "v1", &both, &["cronjobs", "jobs"]),
        rule("", "v1", &both, &["replicationcontrollers"]),
    ])
}

fn rule(group: &str, version: &str, operations: &[&str], resources: &[&str]) -> Value {
    json!({
        "apiGroups": [group],
        "apiVersions": [version],
        "operations": operations,
        "resources": resources,
        "scope": "Namespaced",
    })
}

/// What narrows a look at Pods further.
pub(super) fn pod_conditions(installation: &Installation) -> Vec<Value> {
    vec![
        namespace_condition(installation),
        mirror_condition(),
        change_condition(),
    ]
}

/// The exempt namespaces once more, by the request's own word: it also holds where a
/// namespace is not known yet to the API server's cache.
pub(super) fn namespace_condition(installation: &Installation) -> Value {
    let exempt = literal::list(installation.exempt());
    condition(
        "namespace-is-not-exempt",
        format!("!(request.namespace in {exempt})"),
    )
}

/// A mirror Pod stands for a static one, which its node runs whatever is answered
/// here. Only a node's word for it counts: anyone can write the annotation.
fn mirror_condition() -> Value {
    let expression = "!(request.userInfo.username.startsWith('system:node:')\n  \
        && object.metadata.?annotations[?'kubernetes.io/config.mirror'].hasValue())";
    condition("is-not-a-mirror-pod", expression)
}

/// Updates that leave all images alone pass unseen: labels, finalizers, owners.
fn change_condition() -> Value {
    let expression = format!(
        "request.operation == 'CREATE' || {}\n  != {}",
        cel::images("object"),
        cel::images("oldObject"),
    );
    condition("images-change", expression)
}

pub(super) fn condition(name: &str, expression: impl Into<String>) -> Value {
    json!({ "name": name, "expression": expression.into() })
}
