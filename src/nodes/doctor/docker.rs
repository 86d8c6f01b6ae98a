//! Docker: its mirrors are never enforcement, and only its containerd store reads
//! mirror files.

use super::containerd::{HostsRoot, judge_containerd};
use super::expected::ExpectedNode;
use super::finding::{OnNode, on_node};
use crate::diagnosis::{Diagnosis, Gravity};
use crate::nodes::Runtime;

/// What the daemon says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DockerState {
    /// Whether it keeps images in containerd, and so reads `certs.d/…/hosts.toml`.
    pub containerd_store: bool,
    /// Its `registry-mirrors`.
    pub mirrors: Vec<String>,
}

impl DockerState {
    /// Reads what `docker info --format '{{json .}}'` printed.
    pub fn read(info: &str) -> Option<Self> {
        let info: serde_json::Value = serde_json::from_str(info).ok()?;
        let status = info["DriverStatus"].as_array();
        let is_store = |pair: &serde_json::Value| {
            pair[0] == "driver-type" && pair[1] == "io.containerd.snapshotter.v1"
        };
        let mirrors = info["RegistryConfig"]["Mirrors"].as_array();
        info.get("ServerVersion")?.as_str()?;
        Some(Self {
            containerd_store: status.is_some_and(|pairs| pairs.iter().any(is_store)),
            mirrors: mirrors
                .into_iter()
                .flatten()
                .filter_map(|url| url.as_str().map(str::to_owned))
                .collect(),
        })
    }
}

/// What is open for a daemon whose `certs.d` is `root`.
pub fn judge_docker(
    state: &DockerState,
    root: &HostsRoot,
    expected: &ExpectedNode,
) -> Vec<Diagnosis<OnNode>> {
    let mut found = Vec::new();
    if !state.mirrors.is_empty() {
        found.push(mirrors(state, root));
    }
    match state.containerd_store {
        true => found.extend(judge_containerd(
            Runtime::Docker,
            std::slice::from_ref(root),
            expected,
        )),
        false => found.push(classic(root)),
    }
    found
}

fn mirrors(state: &DockerState, root: &HostsRoot) -> Diagnosis<OnNode> {
    let what = format!("registry-mirrors names {}", state.mirrors.join(", "));
    on_node(Runtime::Docker, Gravity::Note, &root.path, what)
        .why("it is never enforcement: Docker asks Docker Hub after any error of a mirror")
        .next("keep it for speed if you like; close the way at the firewall")
}

fn classic(root: &HostsRoot) -> Diagnosis<OnNode> {
    let what = "the daemon keeps its images in a store of its own, which reads no mirror files";
    on_node(Runtime::Docker, Gravity::Wrong, &root.path, what)
        .why("whoever may use this daemon can pull from every registry that the node reaches")
        .next(
            "block the registries at the firewall, or use the containerd store with \
             `sekisho node-config docker`; if the kubelet does not use this daemon, check the \
             other runtime with --runtime",
        )
}
