//! The DaemonSet: on each node one agent, which may reach the runtime's sockets and nothing
//! else of its node.

use serde_json::{Value, json};

use super::inputs::{AGENT_NAME, AgentIdentity, AgentWorkload, CA_FILE, KEYS_FILE, folder_of};
use super::metadata::{labels, metadata};
use crate::kubernetes::objects::Installation;
use crate::oci::Digest;

/// Of the Node Resource Interface. The folder is mounted and not the socket: a runtime that
/// starts again makes a new one.
const NRI_FOLDER: &str = "/var/run/nri";
const STATE_FOLDER: &str = "/var/lib/sekisho-node";
const TRUST_FOLDER: &str = "/etc/sekisho/trust";
const TOKEN_FOLDER: &str = "/etc/sekisho/token";
const CERTIFICATE_FOLDER: &str = "/etc/sekisho/certificate";
/// On each node.
const METRICS_PORT: u16 = 5084;
const CANARY_EVERY: &str = "1h";
/// For what it has not told yet.
const GRACE_SECONDS: u32 = 15;

pub(super) fn daemon_set(installation: &Installation, agent: &AgentWorkload) -> Value {
    let annotations = json!({ "checksum/trust": checksum(agent) });
    json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": metadata(),
        "spec": {
            "revisionHistoryLimit": 3,
            "updateStrategy": {
                "type": "RollingUpdate",
                "rollingUpdate": { "maxUnavailable": "10%" },
            },
            "selector": { "matchLabels": labels() },
            "template": {
                "metadata": { "labels": labels(), "annotations": annotations },
                "spec": pod(installation, agent),
            },
        },
    })
}

/// Keys are read at the start alone: others need new Pods.
fn checksum(agent: &AgentWorkload) -> String {
    let ca = agent.ca.as_deref().unwrap_or_default();
    let trust = format!("{}{ca}", agent.snapshot_keys);
    Digest::sha256(trust.as_bytes()).hex()
}

/// On the network of its node: it starts before Pods have one, and so before what it is to
/// refuse, and it finds the gateway as the runtime does, by the node's own resolver.
fn pod(installation: &Installation, agent: &AgentWorkload) -> Value {
    json!({
        "serviceAccountName": AGENT_NAME,
        "automountServiceAccountToken": false,
        "priorityClassName": "system-node-critical",
        "nodeSelector": { "kubernetes.io/os": "linux" },
        "tolerations": [{ "operator": "Exists" }],
        "hostNetwork": true,
        "dnsPolicy": "Default",
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            // The runtime's sockets are root's.
            "runAsUser": 0,
            "runAsGroup": 0,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "containers": [container(installation, agent)],
        "volumes": volumes(agent),
    })
}

fn container(installation: &Installation, agent: &AgentWorkload) -> Value {
    json!({
        "name": "agent",
        "image": agent.image,
        // A restart must not hang on a registry.
        "imagePullPolicy": "IfNotPresent",
        "args": arguments(installation, agent),
        "env": [
            of_the_pod("SEKISHO_NODE_NAME", "spec.nodeName"),
            of_the_pod("SEKISHO_POD_NAME", "metadata.name"),
            of_the_pod("SEKISHO_POD_NAMESPACE", "metadata.namespace"),
        ],
        "ports": [{ "name": "metrics", "containerPort": METRICS_PORT }],
        "livenessProbe": probe("/livez", 10, 6),
        "readinessProbe": probe("/readyz", 5, 2),
        "resources": {
            "requests": { "cpu": "10m", "memory": "64Mi" },
            // A million denied digests take half of it.
            "limits": { "memory": "512Mi" },
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        },
        "volumeMounts": mounts(agent),
    })
}

fn arguments(installation: &Installation, agent: &AgentWorkload) -> Vec<String> {
    let mut arguments = vec![
        "node".to_owned(),
        "agent".to_owned(),
        format!("--gateway=https://{}", installation.gateway),
        format!("--environment={}", agent.environment),
        format!("--key={TRUST_FOLDER}/{KEYS_FILE}"),
        format!("--state-dir={STATE_FOLDER}"),
        format!("--nri-socket={NRI_FOLDER}/nri.sock"),
        format!("--metrics=0.0.0.0:{METRICS_PORT}"),
    ];
    match &agent.identity {
        AgentIdentity::Token => arguments.push(format!("--token-file={TOKEN_FOLDER}/token")),
        AgentIdentity::Certificate(_) => arguments.extend([
            format!("--client-certificate={CERTIFICATE_FOLDER}/tls.crt"),
            format!("--client-key={CERTIFICATE_FOLDER}/tls.key"),
        ]),
    }
    if agent.ca.is_some() {
        arguments.push(format!("--ca={TRUST_FOLDER}/{CA_FILE}"));
    }
    if let Some(socket) = &agent.cri_socket {
        arguments.push(format!("--cri-socket={socket}"));
        arguments.push(format!("--canary-every={CANARY_EVERY}"));
    }
    arguments
}

fn of_the_pod(variable: &str, field: &str) -> Value {
    json!({ "name": variable, "valueFrom": { "fieldRef": { "fieldPath": field } } })
}

/// By loopback, whatever addresses the node has.
fn probe(path: &str, every_seconds: u32, failures: u32) -> Value {
    json!({
        "httpGet": { "host": "127.0.0.1", "path": path, "port": "metrics" },
        "periodSeconds": every_seconds,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    })
}

/// A socket can be spoken to where nothing can be written.
fn mounts(agent: &AgentWorkload) -> Vec<Value> {
    let read =
        |name: &str, path: &str| json!({ "name": name, "mountPath": path, "readOnly": true });
    let mut mounts = vec![
        read("trust", TRUST_FOLDER),
        json!({ "name": "state", "mountPath": STATE_FOLDER }),
        read("nri", NRI_FOLDER),
        match agent.identity {
            AgentIdentity::Token => read("token", TOKEN_FOLDER),
            AgentIdentity::Certificate(_) => read("certificate", CERTIFICATE_FOLDER),
        },
    ];
    let cri = agent.cri_socket.as_deref().and_then(folder_of);
    mounts.extend(cri.map(|folder| read("cri", folder)));
    mounts
}

fn volumes(agent: &AgentWorkload) -> Vec<Value> {
    let of_the_node = |name: &str, path: &str, kind: &str| json!({ "name": name, "hostPath": { "path": path, "type": kind } });
    let mut volumes = vec![
        json!({ "name": "trust", "configMap": { "name": AGENT_NAME } }),
        of_the_node("state", STATE_FOLDER, "DirectoryOrCreate"),
        // There once NRI is switched on; the agent waits for it, and says so.
        of_the_node("nri", NRI_FOLDER, "DirectoryOrCreate"),
        match &agent.identity {
            AgentIdentity::Token => json!({
                "name": "token",
                "secret": { "secretName": AGENT_NAME, "defaultMode": 0o400 },
            }),
            AgentIdentity::Certificate(folder) => of_the_node("certificate", folder, "Directory"),
        },
    ];
    let cri = agent.cri_socket.as_deref().and_then(folder_of);
    volumes.extend(cri.map(|folder| of_the_node("cri", folder, "Directory")));
    volumes
}
