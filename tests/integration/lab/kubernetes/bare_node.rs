//! A node's container runtime without a kubelet: the test asks for Pods by the runtime's CRI.

use std::fs;
use std::path::{Path, PathBuf};

use super::Sweeper;
use super::containerd::configuration;
use crate::lab::{Containerd, Cri, Missing, Origin, Release, as_root, installed};

#[derive(Debug)]
pub struct BareNode {
    _sweeper: Sweeper,
    containerd: Containerd,
    cri: Cri,
}

impl BareNode {
    /// One that has the image of its sandboxes.
    pub fn start(release: Release, origin: &Origin) -> Result<Self, Missing> {
        Self::start_with(release, origin, |text| text)
    }

    /// The same with another configuration of containerd.
    pub fn start_with(
        release: Release,
        origin: &Origin,
        change: impl FnOnce(String) -> String,
    ) -> Result<Self, Missing> {
        as_root()?;
        installed("runc")?;
        let sandbox = format!("{}/team/sleeper:1", origin.address());
        let containerd = Containerd::start_with(release, |folder| {
            change(configuration(release, folder, &sandbox))
        })?;
        let pull = ["-n", "k8s.io", "image", "pull", "--plain-http", &sandbox];
        containerd.ctr(&pull).expect_ok();
        Ok(Self {
            _sweeper: Sweeper::over(&[containerd.folder()]),
            cri: Cri::at(&containerd.socket()),
            containerd,
        })
    }

    pub fn cri(&self) -> &Cri {
        &self.cri
    }

    pub fn cri_socket(&self) -> PathBuf {
        self.containerd.socket()
    }

    /// Where plugins register with its runtime.
    pub fn nri_socket(&self) -> PathBuf {
        self.containerd.folder().join("nri/nri.sock")
    }

    /// The folder with its programs.
    pub fn programs(&self) -> &Path {
        self.containerd.programs()
    }

    /// What its runtime was configured with.
    pub fn config(&self) -> PathBuf {
        self.containerd.folder().join("config.toml")
    }

    /// The identifiers of its sandboxes and containers.
    pub fn containers(&self) -> String {
        let list = ["-n", "k8s.io", "container", "ls", "-q"];
        self.containerd.ctr(&list).expect_ok()
    }

    /// Kills the runtime and starts it again; what runs goes on.
    pub fn restart_runtime(&mut self) {
        self.containerd.restart();
    }

    /// Another configuration, which holds from the next start.
    pub fn reconfigure(&self, change: impl FnOnce(String) -> String) {
        let file = self.config();
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, change(text)).unwrap();
    }
}
