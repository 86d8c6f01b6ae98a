//! The metadata that all of the agents' objects carry.

use serde_json::{Value, json};

use super::inputs::AGENT_NAME;
use crate::kubernetes::names::AGENT_NAMESPACE;

/// The labels that all of it carries; no selector of the program's matches them.
pub(super) fn labels() -> Value {
    json!({ "app.kubernetes.io/name": AGENT_NAME })
}

pub(super) fn metadata() -> Value {
    json!({ "name": AGENT_NAME, "namespace": AGENT_NAMESPACE, "labels": labels() })
}
