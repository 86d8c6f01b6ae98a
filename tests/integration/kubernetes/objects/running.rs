//! The printed workload, made to run by a real kubelet: its volumes, its user, its
//! probes.

use std::path::Path;
use std::time::Duration;

use super::program::{disk, furnished, program_image, secret};
use crate::lab::kubernetes::{ControlPlane, Node};
use crate::lab::{Origin, or_skip, run};

const WITHIN: Duration = Duration::from_secs(120);
#[test]
fn what_is_printed_becomes_a_ready_program() {
    let control = or_skip!(ControlPlane::with_controllers());
    let origin = or_skip!(Origin::start());
    let image = or_skip!(program_image(&origin));
    let _node = or_skip!(Node::join(&control, &origin));
    let (folder, kubectl) = (furnished(), control.kubectl());
    kubectl.applied(&printed(folder.path(), &image));
    kubectl.applied(&secret(folder.path()).to_string());
    kubectl.applied(&disk(&folder.path().join("disk")).to_string());

    let deployment = ["deployment", "sekisho", "-n", "sekisho"];
    let ready = kubectl.wait(&deployment, WITHIN, |deployment| {
        deployment["status"]["availableReplicas"] == 1
    });
    assert_eq!(ready["status"]["replicas"], 1);
    assert!(folder.path().join("disk/ledger.db").is_file());
}

/// What the command prints for this folder's configuration.
fn printed(folder: &Path, image: &str) -> String {
    let config = folder.join("sekisho.toml");
    let manifests = ["kubernetes", "manifests", "--image", image, "--config"];
    run(&[&manifests[..], &[config.to_str().unwrap()]].concat()).expect_ok()
}
