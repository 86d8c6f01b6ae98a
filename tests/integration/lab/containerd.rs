//! containerd and its `ctr`, three generations of them, each with a root, a
//! state folder and a socket of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Missing, Outcome, Part, as_root, built, installed, outcome};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// 1.6, Debian's own package.
    Debian,
    V1_7,
    V2_4,
}

impl Release {
    pub const ALL: [Self; 3] = [Self::Debian, Self::V1_7, Self::V2_4];

    fn program(self, name: &str) -> Result<PathBuf, Missing> {
        match self {
            Self::Debian => installed(name),
            Self::V1_7 => built("containerd-1.7", name),
            Self::V2_4 => built("containerd-2.4", name),
        }
    }
}

#[derive(Debug)]
pub struct Containerd {
    part: Part,
    command: Command,
    ctr: PathBuf,
    release: Release,
    folder: TempDir,
}

impl Containerd {
    /// One that only pulls and unpacks.
    pub fn start(release: Release) -> Result<Self, Missing> {
        Self::start_with(release, configuration)
    }

    /// One with the configuration that is made for its folder, in which its socket
    /// has to be `socket`.
    pub fn start_with(
        release: Release,
        configuration: impl FnOnce(&Path) -> String,
    ) -> Result<Self, Missing> {
        as_root()?;
        let (program, ctr) = (release.program("containerd")?, release.program("ctr")?);
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.toml");
        fs::write(&config, configuration(folder.path())).unwrap();
        let mut command = Command::new(&program);
        command
            .arg("--config")
            .arg(&config)
            .env("PATH", path_with(program.parent().unwrap()));
        let part = started(&command, &ctr, folder.path());
        Ok(Self {
            part,
            command,
            ctr,
            release,
            folder,
        })
    }

    /// Kills it without a warning, and starts it again. What it started goes on.
    pub fn restart(&mut self) {
        self.part.kill();
        self.part = started(&self.command, &self.ctr, self.folder.path());
    }

    /// Of everything that is this containerd's.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// The folder with its programs.
    pub fn programs(&self) -> &Path {
        self.ctr.parent().unwrap()
    }

    pub fn ctr(&self, arguments: &[&str]) -> Outcome {
        outcome(
            Command::new(&self.ctr)
                .arg("-a")
                .arg(self.socket())
                .args(arguments),
        )
    }

    /// Pulls by a name that holds the gateway's address.
    pub fn pull(&self, image: &str) -> Outcome {
        self.ctr(&[&self.verb()[..], &["--plain-http", image]].concat())
    }

    /// Pulls by the upstream's name, through the mirrors that this folder names.
    pub fn pull_with_hosts(&self, hosts: &Path, image: &str) -> Outcome {
        self.ctr(
            &[
                &self.verb()[..],
                &["--hosts-dir", hosts.to_str().unwrap(), image],
            ]
            .concat(),
        )
    }

    /// As a node does it: the platform of the machine, nothing of the others. By
    /// itself ctr 2.4 asks for the manifests and configs of all platforms too.
    fn verb(&self) -> Vec<&'static str> {
        let mut verb = vec!["image", "pull", "--platform", "linux/amd64"];
        if self.release == Release::V2_4 {
            verb.push("--skip-metadata");
        }
        verb
    }

    pub fn images(&self) -> String {
        self.ctr(&["image", "ls"]).expect_ok()
    }
}

fn started(command: &Command, ctr: &Path, folder: &Path) -> Part {
    let mut part = Part::start("containerd", command, &folder.join("log"));
    let socket = folder.join("socket");
    part.ready(|| {
        outcome(Command::new(ctr).arg("-a").arg(&socket).arg("version"))
            .ok()
            .then_some(())
    });
    part
}

impl Drop for Containerd {
    /// Shims outlive their containerd on purpose; these name our folder.
    fn drop(&mut self) {
        let mark = self.folder.path().to_str().unwrap().to_owned();
        for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = process
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
                .and_then(Pid::from_raw)
            else {
                continue;
            };
            let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command);
            if command.contains("containerd-shim") && command.contains(&mark) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "version = 2\nroot = \"{folder}/root\"\nstate = \"{folder}/state\"\n\
         disabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.cri.v1.images\", \"io.containerd.cri.v1.runtime\"]\n\
         [grpc]\naddress = \"{folder}/socket\"\n"
    )
}

fn path_with(first: &Path) -> String {
    format!(
        "{}:{}:/usr/sbin:/sbin",
        first.display(),
        std::env::var("PATH").unwrap_or_default()
    )
}
