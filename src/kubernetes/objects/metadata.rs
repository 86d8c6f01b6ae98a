//! The metadata that all objects carry.

use serde_json::{Value, json};

use crate::kubernetes::names::PROGRAM_NAME;

/// The labels that all objects carry.
pub(super) fn labels() -> Value {
    json!({ "app.kubernetes.io/name": PROGRAM_NAME })
}

/// Metadata of an object without a namespace.
pub(super) fn metadata(name: &str) -> Value {
    json!({ "name": name, "labels": labels() })
}

/// Metadata of an object in a namespace.
pub(super) fn metadata_in(namespace: &str, name: &str) -> Value {
    json!({ "name": name, "namespace": namespace, "labels": labels() })
}
