//! How the objects are called.

use serde_json::{Value, json};

/// The program, and most of what belongs to it.
pub(super) const OWN: &str = "sekisho";
/// The Service in front of the program.
pub const SERVICE: &str = OWN;
/// Where the program keeps its authority and its certificate.
pub const SECRET: &str = "sekisho-webhook-tls";
/// The ConfigMap of `sekisho.toml`.
pub(super) const CONFIG: &str = "sekisho-config";

/// Both webhook configurations. The API server calls them in the order of names:
/// ours come after those that add containers.
pub fn configuration_name(cluster: &str) -> String {
    format!("zz-sekisho-{cluster}")
}

/// The policy of permitted registries, and its binding.
pub(super) fn registries_policy(cluster: &str) -> String {
    format!("sekisho-registries-{cluster}")
}

/// The policy that rewrites images, and its binding.
pub(super) fn rewrite_policy(cluster: &str) -> String {
    format!("sekisho-rewrite-{cluster}")
}

/// The labels that all objects carry.
pub(super) fn labels() -> Value {
    json!({ "app.kubernetes.io/name": OWN })
}

/// Metadata of an object without a namespace.
pub(super) fn metadata(name: &str) -> Value {
    json!({ "name": name, "labels": labels() })
}

/// Metadata of an object in a namespace.
pub(super) fn metadata_in(namespace: &str, name: &str) -> Value {
    json!({ "name": name, "namespace": namespace, "labels": labels() })
}
