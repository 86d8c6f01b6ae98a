//! The namespace, and what outlives a Pod in it.

use serde_json::{Value, json};

use crate::kubernetes::names::{CONFIG_MAP_NAME, PROGRAM_NAME};
use crate::kubernetes::objects::metadata::{labels, metadata_in};
use crate::kubernetes::objects::{Installation, Replicas, Workload};

/// The namespace. The program keeps to the strictest of the standards for Pods.
pub(in crate::kubernetes::objects) fn namespace(installation: &Installation) -> Value {
    let mut labels = labels();
    for level in ["enforce", "warn", "audit"] {
        labels[format!("pod-security.kubernetes.io/{level}")] = json!("restricted");
    }
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": { "name": installation.namespace, "labels": labels },
    })
}

/// The configuration, as it was read here.
pub(in crate::kubernetes::objects) fn config(
    installation: &Installation,
    workload: &Workload,
) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata_in(&installation.namespace, CONFIG_MAP_NAME),
        "data": { "sekisho.toml": workload.config },
    })
}

/// Ledger, audit log and cache of the one Pod. Several Pods have a volume each.
pub(in crate::kubernetes::objects) fn claim(
    installation: &Installation,
    workload: &Workload,
) -> Option<Value> {
    let claim = || {
        json!({
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": metadata_in(&installation.namespace, PROGRAM_NAME),
            "spec": claimed(workload),
        })
    };
    (workload.replicas == Replicas::One).then(claim)
}

/// The volume at `data_dir`: the claim, or one that comes and goes with its Pod.
pub(super) fn data(workload: &Workload) -> Value {
    match workload.replicas {
        Replicas::One => json!({
            "name": "data",
            "persistentVolumeClaim": { "claimName": PROGRAM_NAME },
        }),
        Replicas::Shared(_) => json!({
            "name": "data",
            "ephemeral": { "volumeClaimTemplate": {
                "metadata": { "labels": labels() },
                "spec": claimed(workload),
            }},
        }),
    }
}

fn claimed(workload: &Workload) -> Value {
    json!({
        "accessModes": ["ReadWriteOnce"],
        "resources": { "requests": { "storage": format!("{}Gi", workload.storage_gib) } },
    })
}
