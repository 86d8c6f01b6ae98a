//! The Service: one name for the API server, for nodes and for people.

use serde_json::{Value, json};

use crate::kubernetes::names::SERVICE_NAME;
use crate::kubernetes::objects::metadata::{labels, metadata_in};
use crate::kubernetes::objects::{Installation, Ports};

/// The webhook at 443, where API servers look for one; the rest at their own ports.
pub(in crate::kubernetes::objects) fn service(installation: &Installation, ports: Ports) -> Value {
    let mut open = vec![
        json!({ "name": "webhook", "port": 443, "targetPort": "webhook" }),
        json!({ "name": "registry", "port": ports.registry, "targetPort": "registry" }),
    ];
    if let Some(admin) = ports.admin {
        open.push(json!({ "name": "admin", "port": admin, "targetPort": "admin" }));
    }
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata_in(&installation.namespace, SERVICE_NAME),
        "spec": { "selector": labels(), "ports": open },
    })
}
