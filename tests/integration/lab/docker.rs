//! The Docker daemon, on a containerd of its own, with no network rules.

use std::fs;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::{Containerd, Missing, Outcome, Part, Release, as_root, installed, outcome};

/// A daemon that is asked to stop unmounts what it mounted.
const STOPS_WITHIN: Duration = Duration::from_secs(15);
/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

#[derive(Debug)]
pub struct Docker {
    part: Part,
    socket: String,
    _containerd: Containerd,
    folder: TempDir,
}

impl Docker {
    pub fn start() -> Result<Self, Missing> {
        Self::start_with("{}")
    }

    /// A daemon with this daemon.json, never this machine's.
    pub fn start_with(configuration: &str) -> Result<Self, Missing> {
        as_root()?;
        let (daemon, _) = (installed("dockerd")?, installed("docker")?);
        let containerd = Containerd::start(Release::Debian)?;
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("daemon.json"), configuration).unwrap();
        let socket = format!("unix://{}/socket", folder.path().display());
        let mut command = Command::new(daemon);
        command.args([
            "--iptables=false",
            "--ip6tables=false",
            "--bridge=none",
            "--host",
            &socket,
        ]);
        // Docker Hub is out of reach: nothing leaves loopback, which needs no proxy.
        command
            .env("HTTPS_PROXY", NOWHERE)
            .env("HTTP_PROXY", NOWHERE);
        command.arg("--containerd").arg(containerd.socket());
        for (option, name) in [
            ("--data-root", "data"),
            ("--exec-root", "exec"),
            ("--pidfile", "pid"),
            ("--config-file", "daemon.json"),
        ] {
            command.arg(option).arg(folder.path().join(name));
        }
        let mut part = Part::start("dockerd", &command, &folder.path().join("log"));
        part.ready(|| run(&socket, &["version"]).ok().then_some(()));
        Ok(Self {
            part,
            socket,
            _containerd: containerd,
            folder,
        })
    }

    /// The path of its socket.
    pub fn socket(&self) -> String {
        self.socket.trim_start_matches("unix://").to_owned()
    }

    pub fn run(&self, arguments: &[&str]) -> Outcome {
        run(&self.socket, arguments)
    }

    pub fn pull(&self, image: &str) -> Outcome {
        self.run(&["pull", image])
    }
}

fn run(socket: &str, arguments: &[&str]) -> Outcome {
    outcome(
        Command::new("docker")
            .args(["--host", socket])
            .args(arguments),
    )
}

impl Drop for Docker {
    /// It leaves the mount of its containers' network namespace behind.
    fn drop(&mut self) {
        self.part.stop(STOPS_WITHIN);
        let folder = self.folder.path().to_str().unwrap_or_default();
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let points = mounts.lines().filter_map(|mount| mount.split(' ').nth(1));
        for point in points.filter(|point| point.starts_with(folder)) {
            outcome(Command::new("umount").arg(point));
        }
    }
}
