//! containerd: its configuration, its `certs.d`, and pulls by `ctr`.
//!
//! The pulls live in a namespace of their own, which no kubelet looks into.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::arguments::Node;
use super::decoy::DecoyRegistry;
use super::proof::{self, Proof};
use super::work_folder::WorkFolder;
use super::{files, tool};
use crate::cli::failure::Failure;
use crate::diagnosis::Diagnosis;
use crate::nodes::doctor::{
    ContainerdSettings, ExpectedNode, HostsDirectory, HostsRoot, NriSettings, OnNode, PullOutcome,
    in_effect, judge_containerd, named_gateway, read_settings, replica_of_hosts,
};
use crate::nodes::{GatewayUrl, Runtime};

const DEFAULT_SOCKET: &str = "/run/containerd/containerd.sock";
/// The most directories that are tried; each costs a pull.
const MAX_DIRECTORIES: usize = 64;

/// What is known of containerd here.
#[derive(Debug)]
pub struct Containerd {
    config: PathBuf,
    settings: ContainerdSettings,
    roots: Vec<HostsRoot>,
    address: PathBuf,
}

impl Containerd {
    pub async fn read(node: &Node) -> Result<Self, Failure> {
        let settings = settings(&node.containerd_config).await?;
        let roots: Result<Vec<_>, _> = settings
            .config_path
            .iter()
            .map(|root| files::hosts_root(Path::new(root)))
            .collect();
        let named = settings.address.as_ref().map(PathBuf::from);
        let address = node.containerd_address.clone().or(named);
        Ok(Self {
            config: node.containerd_config.clone(),
            settings,
            roots: roots?,
            address: address.unwrap_or_else(|| PathBuf::from(DEFAULT_SOCKET)),
        })
    }

    /// The file that it is configured by.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Its socket.
    pub fn address(&self) -> &Path {
        &self.address
    }

    pub fn nri(&self) -> &NriSettings {
        &self.settings.nri
    }

    pub fn is_here(&self) -> bool {
        self.address.exists()
    }

    pub fn named_gateway(&self) -> Option<GatewayUrl> {
        named_gateway(&self.roots)
    }

    pub fn findings(&self, expected: &ExpectedNode) -> Vec<Diagnosis<OnNode>> {
        let mut found = self.settings.findings(&self.config.display().to_string());
        found.extend(judge_containerd(Runtime::Containerd, &self.roots, expected));
        found
    }

    /// Pulls what must be denied: where no directory is named, and for each that is.
    pub async fn prove(
        &self,
        expected: &ExpectedNode,
        work: &WorkFolder,
        images: &[String],
    ) -> Result<Vec<Proof>, Failure> {
        let ctr = Ctr::new(&self.address, work.word())?;
        let nothing = work.folder("no-hosts")?;
        let control = ctr
            .unknown_image(&nothing, "any registry".to_owned(), work)
            .await?;
        if let Some(unheard) = proof::control(&control, "no mirror files") {
            ctr.forget(&[]).await;
            return Ok(vec![unheard]);
        }
        let mut proofs = Vec::new();
        let default = self.default_root().map_or(nothing, PathBuf::from);
        let what = "for a registry with a port that no directory names".to_owned();
        proofs.push(ctr.unknown_image(&default, what, work).await?);
        for (index, (root, directory)) in self.named(expected).into_iter().enumerate() {
            let folder = work.folder(&format!("hosts-{index}"))?;
            proofs.extend(
                ctr.replica(root, directory, expected, &folder, work)
                    .await?,
            );
        }
        for image in images {
            let root = self.default_root().map_or("", |root| root);
            proofs.push(
                proof::by_name(Runtime::Containerd, image, ctr.pull(Path::new(root), image))
                    .await?,
            );
        }
        ctr.forget(&proofs).await;
        Ok(proofs)
    }

    /// The root in which a registry without a directory of its own ends.
    fn default_root(&self) -> Option<&str> {
        let with_default = self
            .roots
            .iter()
            .find(|root| root.default_directory().is_some());
        with_default
            .or(self.roots.first())
            .map(|root| root.path.as_str())
    }

    fn named(&self, expected: &ExpectedNode) -> Vec<(&HostsRoot, &HostsDirectory)> {
        in_effect(&self.roots)
            .into_iter()
            .filter(|(_, directory)| !directory.is_default())
            .filter(|(_, directory)| !expected.is_direct(&directory.registry()))
            .take(MAX_DIRECTORIES)
            .collect()
    }
}

/// As containerd itself puts its files together; where it is not installed under its
/// name, as in other distributions of Kubernetes, the one file.
async fn settings(config: &Path) -> Result<ContainerdSettings, Failure> {
    let Some(text) = files::text(config)? else {
        return Ok(ContainerdSettings::default());
    };
    let read = |text: &str| {
        let unread = |error| Failure::new(format!("{}: {error}", config.display()));
        read_settings(text).map_err(unread)
    };
    let Some(containerd) = tool::find("containerd") else {
        return read(&text);
    };
    let mut dump = Command::new(containerd);
    dump.arg("--config").arg(config).args(["config", "dump"]);
    let said = tool::run(dump).await?;
    match said.success {
        true => read(&said.stdout),
        false => read(&text),
    }
}

/// `ctr` in a namespace of its own.
struct Ctr {
    program: PathBuf,
    address: PathBuf,
    namespace: String,
}

impl Ctr {
    fn new(address: &Path, word: &str) -> Result<Self, Failure> {
        Ok(Self {
            program: tool::need("ctr", "containerd")?,
            address: address.to_owned(),
            namespace: format!("sekisho-doctor-{word}"),
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--address").arg(&self.address);
        command
            .args(["--namespace", &self.namespace])
            .args(arguments);
        command
    }

    fn pull(&self, hosts: &Path, image: &str) -> Command {
        let mut command = self.command(&["images", "pull", "--hosts-dir"]);
        command.arg(hosts).arg(image);
        command
    }

    /// Pulls a name of the witness with these mirror files.
    async fn unknown_image(
        &self,
        hosts: &Path,
        what: String,
        work: &WorkFolder,
    ) -> Result<Proof, Failure> {
        let decoy = DecoyRegistry::open().await?;
        let image = proof::unknown_image(&decoy, work.word());
        let pull = self.pull(hosts, &image);
        proof::watched(Runtime::Containerd, what, image, &decoy, pull).await
    }

    /// Pulls a name of the decoy as this directory says for its registry; `None` where
    /// that could reach another host.
    async fn replica(
        &self,
        root: &HostsRoot,
        directory: &HostsDirectory,
        expected: &ExpectedNode,
        folder: &Path,
        work: &WorkFolder,
    ) -> Result<Option<Proof>, Failure> {
        let decoy = DecoyRegistry::open().await?;
        let copy = folder.join(decoy.address());
        let written = fs::create_dir(&copy);
        written.map_err(|error| Failure::new(format!("{}: {error}", copy.display())))?;
        let original = Path::new(&root.path).join(&directory.name);
        if let Some(text) = &directory.hosts_toml {
            let place = original.display().to_string();
            let Some(replica) = replica_of_hosts(text, &place, expected, decoy.address()) else {
                return Ok(None);
            };
            files::write(&copy.join("hosts.toml"), replica.as_bytes())?;
        }
        files::copy_beside(&original, &copy)?;
        let image = proof::unknown_image(&decoy, work.word());
        let pull = self.pull(folder, &image);
        let what = format!(
            "as {}/{} says for {}",
            root.path,
            directory.name,
            directory.registry()
        );
        proof::watched(Runtime::Containerd, what, image, &decoy, pull)
            .await
            .map(Some)
    }

    /// Removes what came, and the namespace. That fails where nothing was made.
    async fn forget(&self, proofs: &[Proof]) {
        let came = proofs
            .iter()
            .filter(|proof| proof.outcome == PullOutcome::Open);
        for proof in came {
            let _ = tool::run(self.command(&["images", "rm", "--sync", &proof.image])).await;
        }
        let namespace = ["namespaces", "rm", &self.namespace];
        let _ = tool::run(self.command(&namespace)).await;
    }
}
