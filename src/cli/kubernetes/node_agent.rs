//! The agent of each node as it is to run in a cluster, by the configuration.

use std::path::{Path, PathBuf};

use clap::Args;

use super::program::{no_listener, of_cluster};
use crate::app::bounded;
use crate::app::config::{ClusterConfig, Config, ListenerAuth, ListenerConfig, TlsConfig};
use crate::cli::failure::Failure;
use crate::cli::node_ca;
use crate::kubernetes::names::AGENT_NAMESPACE;
use crate::kubernetes::objects::{AgentIdentity, AgentWorkload};
use crate::node_snapshot::{SnapshotKey, SnapshotPublicKey};

/// What agents need to know beside the configuration.
#[derive(Debug, Args)]
pub(super) struct NodeAgentArgs {
    /// The agent of each node, too: what was revoked does not start there
    #[arg(long)]
    pub(super) node_agent: bool,
    /// For agents: the public keys that sign snapshots, in PEM; of a private key its public half
    #[arg(long, value_name = "FILE")]
    snapshot_key: Option<PathBuf>,
    /// For agents: the authorities of the gateway's certificate, in PEM; by default the public
    /// ones
    #[arg(long, value_name = "FILE")]
    gateway_ca: Option<PathBuf>,
    /// For agents: the runtime's CRI on nodes, where they are to ask it (before containerd 2.4,
    /// and for canaries), as /run/containerd/containerd.sock
    #[arg(long, value_name = "SOCKET")]
    cri_socket: Option<String>,
    /// For agents: a folder of each node with its own tls.crt and tls.key, in place of the
    /// token
    #[arg(long, value_name = "FOLDER")]
    node_certificates: Option<String>,
}

/// The comment above the agents.
pub(super) fn preface(cluster: &ClusterConfig) -> String {
    let environment = &cluster.environment;
    format!(
        "
Agents wait for their token. Make it once every Sekisho is of this version:
sekisho token create --name nodes --role node --environment {environment} --output json | jq -r .secret > token
kubectl -n {AGENT_NAMESPACE} create secret generic sekisho-node --from-file=token=token
"
    )
}

impl NodeAgentArgs {
    /// What runs on each node, or what the configuration lacks for it.
    pub(super) fn workload(
        &self,
        config: &Config,
        cluster: &ClusterConfig,
        image: &str,
    ) -> Result<AgentWorkload, Failure> {
        has_agents(config, cluster)?;
        let Some(listener) = of_cluster(config, cluster) else {
            let (what, step) = no_listener(config, cluster);
            return Err(lacks(&what, &step));
        };
        let ca = self.ca()?;
        check_tls(listener, ca.is_some())?;
        Ok(AgentWorkload {
            image: image.to_owned(),
            environment: cluster.environment.to_string(),
            snapshot_keys: self.snapshot_keys(config)?,
            ca,
            cri_socket: self.cri_socket.clone(),
            identity: self.identity(listener)?,
        })
    }

    fn identity(&self, listener: &ListenerConfig) -> Result<AgentIdentity, Failure> {
        match (&self.node_certificates, listener.auth) {
            (Some(folder), _) => Ok(AgentIdentity::Certificate(folder.clone())),
            (None, ListenerAuth::Mtls) => Err(Failure::usage(
                "the listener asks for client certificates, and --node-certificates is missing",
            )
            .next("name the folder of nodes with their own tls.crt and tls.key")),
            (None, ListenerAuth::None | ListenerAuth::Token) => Ok(AgentIdentity::Token),
        }
    }

    fn ca(&self) -> Result<Option<String>, Failure> {
        let Some(file) = &self.gateway_ca else {
            return Ok(None);
        };
        let read = node_ca::read("--gateway-ca", file)?;
        let absent = || Failure::new(format!("--gateway-ca {}: is not there", file.display()));
        read.map(Some).ok_or_else(absent)
    }

    /// As they are printed: nothing of the file but public keys.
    fn snapshot_keys(&self, config: &Config) -> Result<String, Failure> {
        let Some(file) = &self.snapshot_key else {
            return Err(Failure::usage("--snapshot-key is missing")
                .next("name the public key of [nodes] signing_key, or that file itself"));
        };
        let keys = public_keys(file)?;
        let signs = signing_key(config);
        if let Some((at, _)) = signs.filter(|(_, key)| !keys.contains(key)) {
            let message = format!(
                "--snapshot-key {}: agents would take no snapshot: none of its keys is of \
                 [nodes] signing_key, {}",
                file.display(),
                at.display()
            );
            return Err(Failure::new(message)
                .next("name that file itself, or its public key; both keys while they change"));
        }
        Ok(keys.iter().map(SnapshotPublicKey::to_pem).collect())
    }
}

fn public_keys(file: &Path) -> Result<Vec<SnapshotPublicKey>, Failure> {
    let failed = |problem: &dyn std::fmt::Display| {
        Failure::new(format!("--snapshot-key {}: {problem}", file.display()))
    };
    let pem = bounded::text(file).map_err(|error| failed(&error))?;
    if let Ok(key) = SnapshotKey::from_pem(&pem) {
        return Ok(vec![key.public_key()]);
    }
    SnapshotPublicKey::all_from_pem(&pem).map_err(|error| failed(&error))
}

/// The key that the gateway signs with, where this machine has it, too.
fn signing_key(config: &Config) -> Option<(PathBuf, SnapshotPublicKey)> {
    let mut named = config.named_paths.iter();
    let named = named.find(|it| it.key == "nodes.signing_key")?;
    let file = config.file.as_ref()?.parent()?.join(&named.written);
    let key = SnapshotKey::from_pem(&bounded::text(&file).ok()?).ok()?;
    Some((file, key.public_key()))
}

fn has_agents(config: &Config, cluster: &ClusterConfig) -> Result<(), Failure> {
    let policy = config.policy();
    let environment = policy.environment(&cluster.environment);
    match environment.is_some_and(|it| it.nodes.is_some()) {
        true => Ok(()),
        false => {
            let table = format!("[environments.{}.nodes]", cluster.environment);
            let step =
                format!("write {table}, and [nodes] with signing_key = \"secrets/nodes.key\"");
            Err(lacks(&format!("no {table}"), &step))
        }
    }
}

/// A token goes over TLS alone, and agents know no authority of ours by themselves.
fn check_tls(listener: &ListenerConfig, has_ca: bool) -> Result<(), Failure> {
    match listener.tls {
        None => Err(lacks(
            &format!("no tls on the listener {}", listener.address),
            "write tls = \"auto\" or its files there",
        )),
        Some(TlsConfig::Auto) if !has_ca => Err(Failure::usage(
            "the listener's certificate is of Sekisho's own authority, and --gateway-ca is missing",
        )
        .next("name a copy of its ca.crt (docs/certificates.md)")),
        Some(_) => Ok(()),
    }
}

fn lacks(what: &str, step: &str) -> Failure {
    Failure::bad_config(format!(
        "sekisho: for agents on nodes, the configuration has {what}"
    ))
    .next(step)
}
