//! The arguments of `sekisho doctor node`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::cli::arguments::{OutputArgs, image};
use crate::nodes::{GatewayUrl, Runtime};
use crate::oci::RegistryHost;

/// Prove on this node that a denied image cannot be pulled, nor started; exit 1 if one can
#[derive(Debug, Args)]
#[command(
    after_help = "Reads the mirror files as the runtimes read them, then makes each runtime pull what
the gateway must deny. The pulls name an address of this machine at which the
doctor itself listens: if a runtime asks there, it went past the gateway. Nothing
outside is asked, and nothing stays behind.

With --agent it also proves that an agent guards what was pulled already: the runtime's
NRI is on, and a container that must be refused is refused. No process of it ever runs.
Where an agent keeps a snapshot on this node, that is proven unasked.

Examples:
  sekisho doctor node
  sekisho doctor node --gateway https://gateway.corp:5080 --runtime containerd --direct registry.corp
  sekisho doctor node --gateway https://gate-a.corp:5080 --gateway https://gate-b.corp:5080
  sekisho doctor node --image docker.io/library/nginx:1.27 --output json
  sekisho doctor node --files-only --runtime containerd
  sekisho doctor node --agent
  sekisho doctor node --agent-only --runtime containerd --output json"
)]
pub struct Node {
    /// The gateway as this node reaches it; may be repeated where there are several. By
    /// default the `server` that containerd's _default names
    #[arg(long, value_name = "URL", value_parser = gateway_url)]
    pub gateway: Vec<GatewayUrl>,
    /// containerd, crio, docker or podman; may be repeated. By default those that are here
    #[arg(long, value_name = "RUNTIME", value_parser = runtime())]
    pub runtime: Vec<Runtime>,
    /// A registry that must lead to the gateway, for runtimes that know no default; may
    /// be repeated
    #[arg(long, value_name = "HOST", default_value = RegistryHost::DOCKER_HUB)]
    pub registry: Vec<RegistryHost>,
    /// A registry that may be asked directly; may be repeated
    #[arg(long, value_name = "HOST")]
    pub direct: Vec<RegistryHost>,
    /// An image that exists and that the gateway denies, to be tried by its own name;
    /// may be repeated
    #[arg(long, value_name = "REF", value_parser = image)]
    pub image: Vec<String>,
    /// Only read the files, as for a node's image that is being built
    #[arg(long)]
    pub files_only: bool,
    /// An agent must guard this node: it fails where none refuses
    #[arg(long)]
    pub agent: bool,
    /// Check that alone, not the way of pulls
    #[arg(long, conflicts_with_all = ["image", "gateway"])]
    pub agent_only: bool,
    /// The runtime's CRI, for the agent's check; by default containerd's or CRI-O's socket
    #[arg(long, value_name = "SOCKET")]
    pub cri_socket: Option<PathBuf>,
    /// Where plugins connect with the runtime; by default as its files say
    #[arg(long, value_name = "SOCKET")]
    pub nri_socket: Option<PathBuf>,
    /// Where an agent of this node keeps its snapshot
    #[arg(long, value_name = "DIR", default_value = "/var/lib/sekisho-node")]
    pub agent_state_dir: PathBuf,
    /// The folder of crio.conf
    #[arg(long, value_name = "DIR", default_value = "/etc/crio")]
    pub crio_dir: PathBuf,
    /// containerd's configuration
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/containerd/config.toml"
    )]
    pub containerd_config: PathBuf,
    /// containerd's socket; by default the one that its configuration names
    #[arg(long, value_name = "SOCKET")]
    pub containerd_address: Option<PathBuf>,
    /// The folder of registries.conf, for CRI-O and podman
    #[arg(long, value_name = "DIR", default_value = "/etc/containers")]
    pub containers_dir: PathBuf,
    /// Docker's socket
    #[arg(long, value_name = "SOCKET", default_value = "/var/run/docker.sock")]
    pub docker_address: PathBuf,
    /// Docker's folder of mirror files
    #[arg(long, value_name = "DIR", default_value = "/etc/docker/certs.d")]
    pub docker_certs: PathBuf,
    #[command(flatten)]
    pub screen: OutputArgs,
}

fn runtime() -> impl TypedValueParser<Value = Runtime> {
    PossibleValuesParser::new(["containerd", "crio", "docker", "podman"])
        .try_map(|word| word.parse::<Runtime>())
}

fn gateway_url(text: &str) -> Result<GatewayUrl, String> {
    GatewayUrl::parse(text).map_err(|error| error.to_string())
}
