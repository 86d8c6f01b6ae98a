//! Values as the command prints them, of a configuration.

use std::fs;

use crate::lab::{Outcome, run};

pub const SAMPLE: &str = include_str!("../../../../config/kubernetes.toml");
/// A ledger that replicas share.
pub const POSTGRES: &str = "\n[ledger]\nurl = \"postgres://sekisho@db.example/sekisho\"\n";
const IMAGE: &str = "registry.corp/sekisho:1";

/// `kubernetes manifests` of this configuration.
pub fn manifests(config: &str, arguments: &[&str]) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sekisho.toml");
    fs::write(&file, config).unwrap();
    let command = ["kubernetes", "manifests", "--image", IMAGE, "--config"];
    run(&[&command[..], &[file.to_str().unwrap()], arguments].concat())
}

/// What the command prints for the chart.
#[track_caller]
pub fn printed(config: &str, arguments: &[&str]) -> String {
    manifests(config, &[&["--helm-values"], arguments].concat()).expect_ok()
}

/// The least that somebody writes by hand.
pub fn by_hand(config: &str) -> String {
    serde_json::json!({ "image": IMAGE, "config": config }).to_string()
}
