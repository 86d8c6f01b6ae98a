//! crane, for go-containerregistry: what kaniko, ko and many pipelines pull with.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::{Missing, Outcome, built, outcome};

#[derive(Debug)]
pub struct Crane {
    program: PathBuf,
    folder: TempDir,
}

impl Crane {
    pub fn find() -> Result<Self, Missing> {
        Ok(Self {
            program: built("crane", "crane")?,
            folder: tempfile::tempdir().unwrap(),
        })
    }

    pub fn run(&self, arguments: &[&str]) -> Outcome {
        outcome(Command::new(&self.program).args(arguments))
    }

    pub fn pull(&self, image: &str) -> Outcome {
        let tarball = self.folder.path().join("image.tar");
        self.run(&[
            "pull",
            "--platform",
            "linux/amd64",
            image,
            tarball.to_str().unwrap(),
        ])
    }
}
