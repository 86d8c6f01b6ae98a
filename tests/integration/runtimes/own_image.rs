//! The image of docker/Dockerfile: its final stage, with the program that these tests test,
//! built by buildah.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::lab::{Missing, installed, outcome};

pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const NAME: &str = "sekisho";

/// The built image, in a storage of its own.
pub struct OwnImage {
    buildah: PathBuf,
    folder: TempDir,
}

impl OwnImage {
    pub fn build() -> Result<Self, Missing> {
        if !cfg!(target_feature = "crt-static") {
            return Err(Missing::new(
                "the tested program is not static; tests/run builds it so",
            ));
        }
        let image = Self {
            buildah: installed("buildah")?,
            folder: tempfile::tempdir().unwrap(),
        };
        let context = image.folder.path().join("context");
        fs::create_dir_all(context.join("out/usr/bin")).unwrap();
        fs::create_dir_all(context.join("out/var/lib/sekisho")).unwrap();
        fs::copy(
            env!("CARGO_BIN_EXE_sekisho"),
            context.join("out/usr/bin/sekisho"),
        )
        .unwrap();
        fs::write(context.join("Dockerfile"), "FROM scratch\nCOPY out /out\n").unwrap();
        let bud = ["bud", "--isolation", "chroot", "--pull-never", "-q"];
        image.run(&[&bud[..], &["-t", "tested", context.to_str().unwrap()]].concat());
        let dockerfile = format!("{ROOT}/docker/Dockerfile");
        let stage = ["-f", &dockerfile, "--build-arg", "BINARY=localhost/tested"];
        image.run(&[&bud[..], &stage, &["-t", NAME, ROOT]].concat());
        Ok(image)
    }

    /// As an archive for `docker load` and `podman load`, which calls it `sekisho:tested`.
    pub fn archive(&self) -> PathBuf {
        let archive = self.folder.path().join("image.tar");
        let target = format!("docker-archive:{}:{NAME}:tested", archive.display());
        self.run(&["push", "-q", NAME, &target]);
        archive
    }

    /// To a registry on loopback, as `repository:1`.
    pub fn push(&self, registry: &str, repository: &str) {
        let target = format!("docker://{registry}/{repository}:1");
        self.run(&["push", "-q", "--tls-verify=false", NAME, &target]);
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, arguments: &[&str]) {
        let mut command = Command::new(&self.buildah);
        command.args(["--storage-driver", "vfs", "--root"]);
        command.arg(self.folder.path().join("storage"));
        command.arg("--runroot").arg(self.folder.path().join("run"));
        outcome(command.args(arguments)).expect_ok();
    }
}
