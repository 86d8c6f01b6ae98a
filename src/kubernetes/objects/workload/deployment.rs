//! The program's Deployment.

use serde_json::{Value, json};

use super::paths::{CONFIG_FOLDER, FILLED_FOLDERS};
use super::storage::data;
use crate::kubernetes::names::{CONFIG_MAP_NAME, PROGRAM_NAME};
use crate::kubernetes::objects::metadata::{labels, metadata_in};
use crate::kubernetes::objects::{Installation, Ports, Workload};

/// The unprivileged user ID of the image.
const USER_ID: u32 = 65532;
/// How long a stopping Pod goes on serving, until its endpoints are removed everywhere.
const BEFORE_STOP_SECONDS: u32 = 10;
/// That, and what requests and records that are under way may still take.
const GRACE_SECONDS: u32 = 75;

pub(in crate::kubernetes::objects) fn deployment(
    installation: &Installation,
    workload: &Workload,
) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata_in(&installation.namespace, PROGRAM_NAME),
        "spec": {
            "replicas": workload.replicas.count(),
            "strategy": workload.replicas.strategy(),
            "revisionHistoryLimit": 3,
            "selector": { "matchLabels": labels() },
            "template": {
                "metadata": { "labels": labels() },
                "spec": pod(workload),
            },
        },
    })
}

/// One at a time; with one replica, `minAvailable: 1` would hold up every drain of its node.
pub(in crate::kubernetes::objects) fn disruption(installation: &Installation) -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata_in(&installation.namespace, PROGRAM_NAME),
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": { "matchLabels": labels() },
        },
    })
}

fn pod(workload: &Workload) -> Value {
    let mut pod = json!({
        "serviceAccountName": PROGRAM_NAME,
        "priorityClassName": "system-cluster-critical",
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            // A large cache would be walked through at every start.
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "containers": [container(workload)],
        "volumes": volumes(workload),
    });
    if let Some(spread) = workload.replicas.spread() {
        pod["topologySpreadConstraints"] = spread;
    }
    pod
}

fn container(workload: &Workload) -> Value {
    json!({
        "name": PROGRAM_NAME,
        "image": workload.image,
        // A restart must not hang on a registry.
        "imagePullPolicy": "IfNotPresent",
        "args": ["serve", "--config", format!("{CONFIG_FOLDER}/sekisho.toml")],
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
    let mut mounts = vec![read("config", CONFIG_FOLDER.to_owned())];
    mounts.extend(FILLED_FOLDERS.map(|name| read(name, format!("{CONFIG_FOLDER}/{name}"))));
    mounts.push(json!({ "name": "data", "mountPath": data_dir }));
    mounts.into()
}

fn volumes(workload: &Workload) -> Value {
    json!([
        { "name": "config", "configMap": { "name": CONFIG_MAP_NAME } },
        { "name": "exceptions", "configMap": { "name": "sekisho-exceptions", "optional": true } },
        { "name": "advisories", "configMap": { "name": "sekisho-advisories", "optional": true } },
        { "name": "secrets", "secret": { "secretName": "sekisho-secrets", "optional": true } },
        data(workload),
    ])
}
