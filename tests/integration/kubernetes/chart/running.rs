//! A release whose Pod a real kubelet runs, with the check of its configuration before it.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kubernetes::objects::program::{CONFIG, disk, furnished, program_image, secret};
use crate::lab::kubernetes::{ControlPlane, Kubectl, Node};
use crate::lab::{Helm, Origin, or_skip};

const WITHIN: Duration = Duration::from_secs(120);
const DEPLOYMENT: [&str; 4] = ["deployment", "sekisho", "-n", "sekisho"];

/// The namespace with what people bring: the Secret, and a disk for the claim.
fn prepared(kubectl: &Kubectl) -> TempDir {
    let folder = furnished();
    kubectl.create_namespace("sekisho");
    let label = "pod-security.kubernetes.io/enforce=restricted";
    kubectl
        .run(&["label", "namespace", "sekisho", label])
        .expect_ok();
    kubectl.applied(&secret(folder.path()).to_string());
    kubectl.applied(&disk(&folder.path().join("disk")).to_string());
    folder
}

fn values(image: &str, config: &str) -> String {
    json!({ "image": image, "config": config }).to_string()
}

fn deployment(kubectl: &Kubectl, is: impl Fn(&Value) -> bool) -> Value {
    kubectl.wait(&DEPLOYMENT, WITHIN, is)
}

fn is_available(deployment: &Value) -> bool {
    deployment["status"]["availableReplicas"] == 1
        && deployment["status"]["observedGeneration"] == deployment["metadata"]["generation"]
}

#[test]
fn a_release_becomes_a_ready_program_and_a_bad_configuration_never_reaches_it() {
    let control = or_skip!(ControlPlane::with_controllers());
    let origin = or_skip!(Origin::start());
    let image = or_skip!(program_image(&origin));
    let _node = or_skip!(Node::join(&control, &origin));
    let kubectl = control.kubectl();
    let helm = or_skip!(Helm::beside(&kubectl));
    let folder = prepared(&kubectl);

    helm.install(&values(&image, CONFIG), &[]).expect_ok();
    let first = deployment(&kubectl, is_available);
    assert!(is_written(folder.path()));

    let bad = format!("{CONFIG}\n[environments.production]\nmode = \"enforced\"\n");
    helm.install(&values(&image, &bad), &[]).expect_failure();
    let now = deployment(&kubectl, is_available);
    assert_eq!(
        now["metadata"]["generation"],
        first["metadata"]["generation"]
    );
    let config = ["configmap", "sekisho-config", "-n", "sekisho"];
    let held = kubectl.get(&config).unwrap();
    assert_eq!(held["data"]["sekisho.toml"], CONFIG, "the old one holds");

    let other = format!("{CONFIG}[audit]\nrecord = \"all\"\n");
    helm.install(&values(&image, &other), &[]).expect_ok();
    let after = deployment(&kubectl, |it| {
        it["metadata"]["generation"] != first["metadata"]["generation"] && is_available(it)
    });
    assert_eq!(after["status"]["replicas"], 1);
}

fn is_written(folder: &Path) -> bool {
    folder.join("disk/ledger.db").is_file()
}
