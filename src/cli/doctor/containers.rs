//! CRI-O and podman: `registries.conf`, and pulls by a tool that reads it with the
//! same library.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::arguments::Node;
use super::proof::{self, Proof};
use super::scratch::Scratch;
use super::witness::Witness;
use super::{files, tool};
use crate::cli::failure::Failure;
use crate::diagnosis::Diagnosis;
use crate::nodes::Runtime;
use crate::nodes::doctor::{Expected, OnNode, Registries, read_registries, replica_of_registry};

/// Each table costs a pull.
const MOST: usize = 64;
const CONF: &str = "CONTAINERS_REGISTRIES_CONF";

#[derive(Debug)]
pub struct Containers {
    runtime: Runtime,
    root: PathBuf,
    registries: Registries,
}

impl Containers {
    pub fn read(runtime: Runtime, node: &Node) -> Result<Self, Failure> {
        Ok(Self {
            runtime,
            root: node.containers_dir.clone(),
            registries: read_registries(&files::registries(&node.containers_dir)?),
        })
    }

    pub fn findings(&self, expected: &Expected) -> Vec<Diagnosis<OnNode>> {
        let root = self.root.display().to_string();
        self.registries.findings(self.runtime, &root, expected)
    }

    /// Pulls what must be denied, as each table says.
    pub async fn prove(
        &self,
        expected: &Expected,
        scratch: &Scratch,
        images: &[String],
    ) -> Result<Vec<Proof>, Failure> {
        let puller = Puller::find(self.runtime)?;
        let control = puller
            .nobodys(|_| String::new(), "any registry".to_owned(), scratch)
            .await?;
        if let Some(unheard) = proof::control(&control, "no table") {
            return Ok(vec![unheard]);
        }
        let mut proofs = Vec::new();
        for prefix in self.registries.prefixes(expected).take(MOST) {
            let what = format!("as the table for {prefix} says");
            let conf =
                |witness: &str| replica_of_registry(&self.registries, prefix, expected, witness);
            proofs.push(puller.nobodys(conf, what, scratch).await?);
        }
        if proofs.is_empty() {
            proofs.push(control);
        }
        let merged = scratch.file("registries.conf", &self.registries.merged())?;
        for image in images {
            proofs.push(puller.by_name(&merged, image).await?);
        }
        Ok(proofs)
    }
}

/// podman, or for CRI-O, which only the kubelet asks, skopeo.
struct Puller {
    runtime: Runtime,
    program: PathBuf,
    /// skopeo reads the manifest and keeps nothing.
    keeps: bool,
}

impl Puller {
    fn find(runtime: Runtime) -> Result<Self, Failure> {
        let skopeo = match runtime {
            Runtime::Crio => tool::find("skopeo"),
            _ => None,
        };
        let keeps = skopeo.is_none();
        let program = match skopeo {
            Some(skopeo) => skopeo,
            None if runtime == Runtime::Crio => tool::need("podman", "CRI-O's library")?,
            None => tool::need("podman", "podman")?,
        };
        Ok(Self {
            runtime,
            program,
            keeps,
        })
    }

    fn pull(&self, conf: &Path, image: &str) -> Command {
        let mut command = Command::new(&self.program);
        match self.keeps {
            true => command.args(["pull", "--quiet", image]).env(CONF, conf),
            false => command.arg("--registries-conf").arg(conf).args([
                "inspect",
                "--raw",
                &format!("docker://{image}"),
            ]),
        };
        command
    }

    async fn nobodys(
        &self,
        conf: impl FnOnce(&str) -> String,
        what: String,
        scratch: &Scratch,
    ) -> Result<Proof, Failure> {
        let witness = Witness::open().await?;
        let image = proof::nobodys(&witness, scratch.word());
        let file = scratch.file("registries.conf", &conf(witness.address()))?;
        let pull = self.pull(&file, &image);
        proof::watched(self.runtime, what, image, &witness, pull).await
    }

    /// What was not here before does not stay.
    async fn by_name(&self, conf: &Path, image: &str) -> Result<Proof, Failure> {
        let podman = |arguments: &[&str]| {
            let mut command = Command::new(&self.program);
            command.args(arguments);
            tool::run(command)
        };
        let was_here = self.keeps && podman(&["image", "exists", image]).await?.success;
        let proof = proof::by_name(self.runtime, image, self.pull(conf, image)).await?;
        if self.keeps && !was_here {
            podman(&["image", "rm", "--force", image]).await?;
        }
        Ok(proof)
    }
}
