//! podman and skopeo: the clients that are built on containers/image.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Missing, Outcome, as_root, installed, outcome};

#[derive(Debug)]
pub struct Podman {
    podman: PathBuf,
    skopeo: PathBuf,
    folder: TempDir,
}

impl Podman {
    pub fn find() -> Result<Self, Missing> {
        as_root()?;
        let (podman, skopeo) = (installed("podman")?, installed("skopeo")?);
        Ok(Self {
            podman,
            skopeo,
            folder: tempfile::tempdir().unwrap(),
        })
    }

    pub fn pull(&self, image: &str) -> Outcome {
        outcome(self.command().args(["pull", "--tls-verify=false", image]))
    }

    /// Pulls by the upstream's name, with this registries.conf alone.
    pub fn pull_with(&self, registries_conf: &Path, image: &str) -> Outcome {
        outcome(
            self.command()
                .args(["pull", image])
                .env("CONTAINERS_REGISTRIES_CONF", registries_conf),
        )
    }

    /// Copies an image into a folder without unpacking it.
    pub fn skopeo_copy(&self, image: &str) -> Outcome {
        let target = format!("dir:{}/copied", self.folder.path().display());
        outcome(Command::new(&self.skopeo).args([
            "copy",
            "--src-tls-verify=false",
            &format!("docker://{image}"),
            &target,
        ]))
    }

    pub fn images(&self) -> String {
        outcome(self.command().args(["images", "--digests"])).expect_ok()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.podman);
        command.args(["--storage-driver", "vfs"]);
        command.arg("--root").arg(self.folder.path().join("root"));
        command.arg("--runroot").arg(self.folder.path().join("run"));
        command
    }
}
