//! Docker: what the daemon says of itself, its `certs.d`, and pulls by `docker`.

use std::path::PathBuf;
use std::process::Command;

use super::arguments::Node;
use super::decoy::DecoyRegistry;
use super::proof::{self, Proof};
use super::work_folder::WorkFolder;
use super::{files, tool};
use crate::cli::failure::Failure;
use crate::diagnosis::{Diagnosis, Gravity};
use crate::nodes::Runtime;
use crate::nodes::doctor::{DockerState, ExpectedNode, HostsRoot, OnNode, judge_docker};

#[derive(Debug)]
pub struct Docker {
    socket: PathBuf,
    root: HostsRoot,
    /// None where the daemon was not asked or did not answer.
    state: Option<DockerState>,
}

impl Docker {
    pub async fn read(node: &Node) -> Result<Self, Failure> {
        let mut docker = Self {
            socket: node.docker_address.clone(),
            root: files::hosts_root(&node.docker_certs)?,
            state: None,
        };
        if !node.files_only && tool::find("docker").is_some() {
            let info = docker.command(&["info", "--format", "{{json .}}"])?;
            docker.state = DockerState::read(&tool::run(info).await?.stdout);
        }
        Ok(docker)
    }

    fn command(&self, arguments: &[&str]) -> Result<Command, Failure> {
        let mut command = Command::new(tool::need("docker", "Docker")?);
        let host = format!("unix://{}", self.socket.display());
        command.args(["--host", &host]).args(arguments);
        Ok(command)
    }

    pub fn findings(&self, expected: &ExpectedNode) -> Vec<Diagnosis<OnNode>> {
        match &self.state {
            Some(state) => judge_docker(state, &self.root, expected),
            None => vec![self.silent()],
        }
    }

    fn silent(&self) -> Diagnosis<OnNode> {
        let about = OnNode {
            runtime: Runtime::Docker,
            place: self.socket.display().to_string(),
        };
        let what = "the daemon did not say how it keeps images";
        Diagnosis::new(about, Gravity::Unknown, what)
            .why("only with the containerd store does it read mirror files")
            .next("run it as root beside a running daemon, without --files-only")
    }

    pub async fn prove(&self, work: &WorkFolder, images: &[String]) -> Result<Vec<Proof>, Failure> {
        let decoy = DecoyRegistry::open().await?;
        let image = proof::unknown_image(&decoy, work.word());
        let pull = self.command(&["pull", "--quiet", &image])?;
        let what = "for a registry with a port".to_owned();
        let mut proofs = vec![proof::watched(Runtime::Docker, what, image, &decoy, pull).await?];
        for image in images {
            proofs.push(self.by_name(image).await?);
        }
        Ok(proofs)
    }

    /// What was not here before does not stay.
    async fn by_name(&self, image: &str) -> Result<Proof, Failure> {
        let looked = tool::run(self.command(&["image", "inspect", image])?).await?;
        let pull = self.command(&["pull", "--quiet", image])?;
        let proof = proof::by_name(Runtime::Docker, image, pull).await?;
        if !looked.success {
            tool::run(self.command(&["image", "rm", image])?).await?;
        }
        Ok(proof)
    }
}
