//! Values as the command prints them, of a configuration.

use std::fs;

use tempfile::TempDir;

use crate::lab::{Authority, Outcome, SNAPSHOT_KEY, run};

pub const SAMPLE: &str = include_str!("../../../../config/kubernetes.toml");
/// A ledger that replicas share.
pub const POSTGRES: &str = "\n[ledger]\nurl = \"postgres://sekisho@db.example/sekisho\"\n";
const IMAGE: &str = "registry.corp/sekisho:1";

/// [`SAMPLE`] with agents on nodes.
pub fn with_agents() -> String {
    let from = "nodes = \"rewrite-only\"";
    assert!(SAMPLE.contains(from));
    let exempt = format!("exempt_namespaces = [\"sekisho-node\"]\n{from}");
    let agents = "[environments.production.nodes]\n[nodes]\nsigning_key = \"secrets/nodes.key\"\n";
    format!("{}\n{agents}", SAMPLE.replace(from, &exempt))
}

/// What the command is told of agents, in files.
pub struct AgentFiles {
    folder: TempDir,
    authority: Authority,
}

impl AgentFiles {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("nodes.key"), SNAPSHOT_KEY).unwrap();
        Self {
            folder,
            authority: Authority::create(),
        }
    }

    /// With these further arguments.
    pub fn arguments(&self, more: &[&str]) -> Vec<String> {
        let key = self.folder.path().join("nodes.key").display().to_string();
        let ca = self.authority.certificate().display().to_string();
        let all = ["--node-agent", "--snapshot-key", &key, "--gateway-ca", &ca];
        let all = all.iter().chain(more);
        all.map(|it| (*it).to_owned()).collect()
    }
}

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
