//! The arguments of `sekisho node agent`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use url::Url;

use crate::app::config::Period;
use crate::trust::EnvironmentName;

/// Run a node's agent: what was revoked does not start, though it was pulled long ago
#[derive(Debug, Args)]
#[command(
    after_help = "The container runtime asks the agent before it creates a container, by its Node Resource
Interface (on in containerd 2.x; in 1.7 and CRI-O it is to be switched on). The agent
refuses what the gateway's last snapshot denies: what was revoked, blocked by an advisory,
or holds malware. The snapshot is signed and kept on the disk, so the gateway may be gone.

It never refuses its own Pod, static Pods, or kube-system, and nothing before the first
snapshot. Whether it refuses at all is set at the gateway, for each environment, and so is
which keys sign. Each argument has an environment variable, for DaemonSets and systemd.

Examples:
  sekisho node agent --gateway https://gate.corp:5080 --environment production --key /etc/sekisho-node/nodes.pub --token-file /etc/sekisho-node/token
  sekisho node agent --gateway https://gate-a.corp:5080 --gateway https://gate-b.corp:5080 --environment production --key nodes.pub --client-certificate node.crt --client-key node.key --ca gate-ca.crt
  sekisho node agent --gateway https://gate.corp:5080 --environment production --key nodes.pub --token-file token --cri-socket /run/containerd/containerd.sock --canary-every 1h --metrics 0.0.0.0:5084"
)]
pub struct RunAgent {
    /// A registry listener of the gateway; may be repeated, and the next is asked where one
    /// fails
    #[arg(
        long,
        value_name = "URL",
        required = true,
        env = "SEKISHO_GATEWAY",
        value_delimiter = ','
    )]
    pub gateway: Vec<Url>,
    /// The environment whose images run here
    #[arg(long, value_name = "NAME", env = "SEKISHO_ENVIRONMENT", value_parser = environment)]
    pub environment: String,
    /// The public keys of the gateway's [nodes] signing_key, in PEM
    #[arg(long, value_name = "FILE", env = "SEKISHO_SNAPSHOT_KEY")]
    pub key: PathBuf,
    /// A file with the secret of a token of role node alone
    #[arg(long, value_name = "FILE", env = "SEKISHO_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// A client certificate of role node, in place of a token
    #[arg(
        long,
        value_name = "FILE",
        env = "SEKISHO_CLIENT_CERTIFICATE",
        requires = "client_key"
    )]
    pub client_certificate: Option<PathBuf>,
    /// Its key
    #[arg(
        long,
        value_name = "FILE",
        env = "SEKISHO_CLIENT_KEY",
        requires = "client_certificate"
    )]
    pub client_key: Option<PathBuf>,
    /// The authorities of the gateway's certificate, in place of the system's
    #[arg(long, value_name = "FILE", env = "SEKISHO_CA")]
    pub ca: Option<PathBuf>,
    /// Where the last snapshot is kept
    #[arg(
        long,
        value_name = "DIR",
        env = "SEKISHO_STATE_DIR",
        default_value = "/var/lib/sekisho-node"
    )]
    pub state_dir: PathBuf,
    /// The node's name in its cluster; by default the machine's
    #[arg(long, value_name = "NAME", env = "SEKISHO_NODE_NAME", value_parser = NonEmptyStringValueParser::new())]
    pub node: Option<String>,
    /// The runtime's Node Resource Interface
    #[arg(
        long,
        value_name = "SOCKET",
        env = "SEKISHO_NRI_SOCKET",
        default_value = "/var/run/nri/nri.sock"
    )]
    pub nri_socket: PathBuf,
    /// The runtime's CRI: asked which image a name is, where the runtime does not say (before
    /// containerd 2.4), and needed for canaries and to stop what runs already
    #[arg(long, value_name = "SOCKET", env = "SEKISHO_CRI_SOCKET")]
    pub cri_socket: Option<PathBuf>,
    /// Refuse in kube-system too
    #[arg(long, env = "SEKISHO_GUARD_KUBE_SYSTEM")]
    pub guard_kube_system: bool,
    /// How often a container that must be refused is sent through the runtime, as 1h; the first
    /// soon after the start
    #[arg(long, value_name = "DURATION", env = "SEKISHO_CANARY_EVERY", requires = "cri_socket", value_parser = period)]
    pub canary_every: Option<Duration>,
    /// Where /metrics, /livez and /readyz answer; by default nowhere
    #[arg(long, value_name = "ADDRESS", env = "SEKISHO_METRICS_ADDRESS", value_parser = address)]
    pub metrics: Option<SocketAddr>,
    /// The Pod in which this agent runs, which it never refuses
    #[arg(
        long,
        value_name = "NAME",
        env = "SEKISHO_POD_NAME",
        requires = "pod_namespace"
    )]
    pub pod_name: Option<String>,
    /// Its namespace
    #[arg(
        long,
        value_name = "NAME",
        env = "SEKISHO_POD_NAMESPACE",
        requires = "pod_name"
    )]
    pub pod_namespace: Option<String>,
}

/// As the gateway's configuration takes it: no snapshot is ever of another one.
fn environment(text: &str) -> Result<String, String> {
    let name = EnvironmentName::parse(text);
    name.map(|name| name.to_string())
        .map_err(|error| error.to_string())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let form = "write an address and a port, as 127.0.0.1:5084";
    text.parse().map_err(|_| form.to_owned())
}

fn period(text: &str) -> Result<Duration, String> {
    let period: Period = text.parse().map_err(|error| format!("{error}"))?;
    match Duration::from(period) {
        Duration::ZERO => Err("a canary cannot be sent all the time; write 1h".to_owned()),
        every => Ok(every),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command};

    use super::*;

    #[test]
    fn empty_names_are_refused_at_the_start() {
        let line = ["agent", "--gateway", "https://g", "--key", "k"];
        let parse = |more: &[&str]| {
            let command = RunAgent::augment_args(Command::new("agent"));
            command.try_get_matches_from([&line[..], more].concat())
        };
        assert!(parse(&["--environment", "production", "--node", "n"]).is_ok());
        for bad in [
            &["--environment", ""][..],
            &["--environment", "a b"],
            &["--environment", "production", "--node", ""],
            &["--environment", "production", "--state-dir", ""],
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
