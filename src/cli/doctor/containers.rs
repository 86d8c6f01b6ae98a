//! CRI-O and podman: `registries.conf`, and pulls by a tool that reads it with the
//! same library.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::arguments::Node;
use super::decoy::DecoyRegistry;
use super::proof::{self, Proof};
use super::work_folder::WorkFolder;
use super::{files, tool};
use crate::cli::failure::Failure;
use crate::diagnosis::Diagnosis;
use crate::nodes::Runtime;
use crate::nodes::doctor::{
    ExpectedNode, OnNode, Registries, read_registries, replica_of_registry,
};

/// Each table costs a pull.
const MAX_TABLES: usize = 64;
const CONF_VARIABLE: &str = "CONTAINERS_REGISTRIES_CONF";

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
            registries: read_registries(&files::with_drop_ins(&node.containers_dir, "registries")?),
        })
    }

    pub fn findings(&self, expected: &ExpectedNode) -> Vec<Diagnosis<OnNode>> {
        let root = self.root.display().to_string();
        self.registries.findings(self.runtime, &root, expected)
    }

    /// Pulls what must be denied, as each table says.
    pub async fn prove(
        &self,
        expected: &ExpectedNode,
        work: &WorkFolder,
        images: &[String],
    ) -> Result<Vec<Proof>, Failure> {
        let puller = PullTool::find(self.runtime)?;
        let control = puller
            .unknown_image(|_| String::new(), "any registry".to_owned(), work)
            .await?;
        if let Some(unheard) = proof::control(&control, "no table") {
            return Ok(vec![unheard]);
        }
        let mut proofs = Vec::new();
        for prefix in self.registries.prefixes(expected).take(MAX_TABLES) {
            let what = format!("as the table for {prefix} says");
            let conf = |decoy: &str| replica_of_registry(&self.registries, prefix, expected, decoy);
            proofs.push(puller.unknown_image(conf, what, work).await?);
        }
        if proofs.is_empty() {
            proofs.push(control);
        }
        let merged = work.file("registries.conf", &self.registries.merged())?;
        for image in images {
            proofs.push(puller.by_name(&merged, image).await?);
        }
        Ok(proofs)
    }
}

/// podman, or for CRI-O, which only the kubelet asks, skopeo.
struct PullTool {
    runtime: Runtime,
    program: PathBuf,
    /// skopeo reads the manifest and keeps nothing.
    keeps: bool,
}

impl PullTool {
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
            true => command
                .args(["pull", "--quiet", image])
                .env(CONF_VARIABLE, conf),
            false => command.arg("--registries-conf").arg(conf).args([
                "inspect",
                "--raw",
                &format!("docker://{image}"),
            ]),
        };
        command
    }

    async fn unknown_image(
        &self,
        conf: impl FnOnce(&str) -> String,
        what: String,
        work: &WorkFolder,
    ) -> Result<Proof, Failure> {
        let decoy = DecoyRegistry::open().await?;
        let image = proof::unknown_image(&decoy, work.word());
        let file = work.file("registries.conf", &conf(decoy.address()))?;
        let pull = self.pull(&file, &image);
        proof::watched(self.runtime, what, image, &decoy, pull).await
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
