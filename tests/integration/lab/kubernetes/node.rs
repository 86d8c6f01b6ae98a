//! A node that really runs Pods: a kubelet and a containerd of its own.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::containerd::{PLUGINS, configuration, gateway, write_network};
use super::kubectl::paced;
use super::{ControlPlane, Sweeper, kubelet};
use crate::lab::{
    Containerd, Gateway, Missing, Origin, Part, Release, as_root, free_port, installed, run,
};

/// Where containerd looks for `hosts.toml` files, in its folder.
const HOSTS: &str = "hosts";

#[derive(Debug)]
pub struct Node {
    /// Of the kubelet, and of the network of this node's Pods.
    port: u16,
    kubelet: Part,
    _sweeper: Sweeper,
    containerd: Containerd,
}

impl Node {
    /// Joins as `node1` and waits until it is ready. The sandbox image comes from
    /// the origin, straight and before there is any hosts file.
    pub fn join(control: &ControlPlane, origin: &Origin) -> Result<Self, Missing> {
        Self::join_on(Release::V2_4, control, origin)
    }

    /// The same on another release of containerd.
    pub fn join_on(
        release: Release,
        control: &ControlPlane,
        origin: &Origin,
    ) -> Result<Self, Missing> {
        let sandbox = format!("{}/team/sleeper:1", origin.address());
        let pull = ["-n", "k8s.io", "image", "pull", "--plain-http", &sandbox];
        Self::join_after(release, control, &sandbox, |containerd| {
            containerd.ctr(&pull).expect_ok();
        })
    }

    /// The same with all pulls through the gateway, also that of this sandbox image.
    pub fn join_through(
        control: &ControlPlane,
        gateway: &Gateway,
        sandbox: &str,
    ) -> Result<Self, Missing> {
        Self::join_after(Release::V2_4, control, sandbox, |containerd| {
            write_hosts(&containerd.folder().join(HOSTS), gateway);
        })
    }

    fn join_after(
        release: Release,
        control: &ControlPlane,
        sandbox: &str,
        prepare: impl FnOnce(&Containerd),
    ) -> Result<Self, Missing> {
        as_root()?;
        installed("runc")?;
        if !Path::new(PLUGINS).join("ptp").is_file() {
            return Err(Missing::new(format!("{PLUGINS} has no network plugins")));
        }
        let port = free_port();
        let containerd = Containerd::start_with(release, |folder| {
            write_network(folder, port);
            configuration(release, folder, sandbox)
        })?;
        prepare(&containerd);
        let sweeper = Sweeper::over(&[containerd.folder()]);
        let kubelet = kubelet::start(control, &containerd.socket(), containerd.folder(), port)?;
        let mut this = Self {
            port,
            kubelet,
            _sweeper: sweeper,
            containerd,
        };
        this.is_ready(control);
        Ok(this)
    }

    fn is_ready(&mut self, control: &ControlPlane) {
        let kubectl = control.kubectl();
        self.kubelet.ready(|| {
            let node = kubectl.get(&["node", "node1"]);
            paced(node.filter(says_ready))
        });
    }

    /// The machine as its Pods see it, once there is one.
    pub fn gateway(&self) -> String {
        gateway(self.port)
    }

    /// The folder of `hosts.toml` files, read at every pull.
    pub fn hosts(&self) -> PathBuf {
        self.containerd.folder().join(HOSTS)
    }

    /// Sends all pulls of this node to the gateway, by what `node-config` writes.
    pub fn pull_through(&self, gateway: &Gateway) {
        write_hosts(&self.hosts(), gateway);
    }

    /// The images that the node holds, as `ctr image ls` shows them.
    pub fn images(&self) -> String {
        self.ctr(&["image", "ls"])
    }

    /// The running containers' processes, as `ctr task ls` shows them.
    pub fn tasks(&self) -> String {
        self.ctr(&["task", "ls"])
    }

    /// Where plugins register with its runtime.
    pub fn nri_socket(&self) -> PathBuf {
        self.containerd.folder().join("nri/nri.sock")
    }

    /// Where its runtime answers the kubelet.
    pub fn cri_socket(&self) -> PathBuf {
        self.containerd.socket()
    }

    /// Kills what runs in all its containers but the sandboxes, as a crash would.
    pub fn crash_containers(&self) {
        let is_container = |id: &&str| {
            // A canary's sandbox may be gone by now.
            let info = self
                .containerd
                .ctr(&["-n", "k8s.io", "container", "info", id]);
            info.stdout
                .contains("\"io.cri-containerd.kind\": \"container\"")
        };
        let ids = self.ctr(&["container", "ls", "-q"]);
        for id in ids.lines().filter(is_container) {
            self.containerd
                .ctr(&["-n", "k8s.io", "task", "kill", "-s", "SIGKILL", id]);
        }
    }

    /// Kills the runtime and starts it again; what runs goes on.
    pub fn restart_runtime(&mut self) {
        self.containerd.restart();
    }

    fn ctr(&self, arguments: &[&str]) -> String {
        self.containerd
            .ctr(&[&["-n", "k8s.io"], arguments].concat())
            .expect_ok()
    }
}

fn write_hosts(folder: &Path, gateway: &Gateway) {
    let url = format!("http://{}", gateway.address());
    let write = ["node-config", "containerd", "--gateway", &url, "--output"];
    run(&[&write[..], &[folder.to_str().unwrap()]].concat()).expect_ok();
}

fn says_ready(node: &Value) -> bool {
    let conditions = node["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|one| one["type"] == "Ready" && one["status"] == "True")
}
