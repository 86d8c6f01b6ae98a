//! The program's one Pod.

use serde_json::{Value, json};

use crate::kubernetes::names::{CONFIG, OWN};
use crate::kubernetes::objects::metadata::{labels, metadata_in};
use crate::kubernetes::objects::{Installation, Ports, Workload};

/// Where the program finds its configuration; relative paths in it begin here.
const FOLDER: &str = "/etc/sekisho";
/// The user of the image, who is nobody else.
const USER: u32 = 65532;
/// Until everybody has heard that this Pod is about to go.
const BEFORE_STOP_SECONDS: u32 = 10;
/// That, and what requests and records that are under way may still take.
const GRACE_SECONDS: u32 = 75;

/// One replica, and never two at once: they would share an SQLite file.
pub(in crate::kubernetes::objects) fn deployment(
    installation: &Installation,
    workload: &Workload,
) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata_in(&installation.namespace, OWN),
        "spec": {
            "replicas": 1,
            "strategy": { "type": "Recreate" },
            "revisionHistoryLimit": 3,
            "selector": { "matchLabels": labels() },
            "template": {
                "metadata": { "labels": labels() },
                "spec": pod(workload),
            },
        },
    })
}

/// With one replica, `minAvailable: 1` would hold up every drain of its node.
pub(in crate::kubernetes::objects) fn disruption(installation: &Installation) -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata_in(&installation.namespace, OWN),
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": { "matchLabels": labels() },
        },
    })
}

fn pod(workload: &Workload) -> Value {
    json!({
        "serviceAccountName": OWN,
        "priorityClassName": "system-cluster-critical",
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            // A large cache would be walked through at every start.
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "containers": [container(workload)],
        "volumes": volumes(),
    })
}

fn container(workload: &Workload) -> Value {
    json!({
        "name": OWN,
        "image": workload.image,
        // A restart must not hang on a registry.
        "imagePullPolicy": "IfNotPresent",
        "args": ["serve", "--config", format!("{FOLDER}/sekisho.toml")],
        "ports": ports(workload.ports),
        "startupProbe": probe("/livez", 2, 60),
        "livenessProbe": probe("/livez", 10, 6),
        "readinessProbe": probe("/readyz", 5, 2),
        "lifecycle": { "preStop": { "sleep": { "seconds": BEFORE_STOP_SECONDS } } },
        "resources": {
            "requests": { "cpu": "250m", "memory": "256Mi" },
            "limits": { "memory": "2Gi" },
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        },
        "volumeMounts": mounts(&workload.data_dir),
    })
}

fn ports(ports: Ports) -> Vec<Value> {
    let named = [
        ("registry", Some(ports.registry)),
        ("webhook", Some(ports.webhook)),
        ("ops", Some(ports.ops)),
        ("admin", ports.admin),
    ];
    let open = named
        .into_iter()
        .filter_map(|(name, port)| Some((name, port?)));
    open.map(|(name, port)| json!({ "name": name, "containerPort": port }))
        .collect()
}

fn probe(path: &str, every_seconds: u32, failures: u32) -> Value {
    json!({
        "httpGet": { "path": path, "port": "ops" },
        "periodSeconds": every_seconds,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    })
}

/// What the configuration may name besides itself lies in folders beside it.
fn mounts(data_dir: &str) -> Value {
    let read =
        |name: &str, path: String| json!({ "name": name, "mountPath": path, "readOnly": true });
    json!([
        read("config", FOLDER.to_owned()),
        read("exceptions", format!("{FOLDER}/exceptions")),
        read("advisories", format!("{FOLDER}/advisories")),
        read("secrets", format!("{FOLDER}/secrets")),
        { "name": "data", "mountPath": data_dir },
    ])
}

fn volumes() -> Value {
    json!([
        { "name": "config", "configMap": { "name": CONFIG } },
        { "name": "exceptions", "configMap": { "name": "sekisho-exceptions", "optional": true } },
        { "name": "advisories", "configMap": { "name": "sekisho-advisories", "optional": true } },
        { "name": "secrets", "secret": { "secretName": "sekisho-secrets", "optional": true } },
        { "name": "data", "persistentVolumeClaim": { "claimName": OWN } },
    ])
}
