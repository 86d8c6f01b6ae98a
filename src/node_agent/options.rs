//! What an agent is started with.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::exemption::Exemptions;
use crate::node_snapshot::SnapshotPublicKey;

/// How gateways are reached.
#[derive(Clone, Debug)]
pub struct GatewayAccess {
    /// Registry listeners; the next one is asked where one fails.
    pub gateways: Vec<Url>,
    /// A token of role `node`, read anew for each request.
    pub token_file: Option<PathBuf>,
    /// A certificate of role `node` and its key, in PEM.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// Authorities that are trusted in place of the system's.
    pub ca: Option<PathBuf>,
}

/// What an agent is and does.
#[derive(Clone, Debug)]
pub struct AgentOptions {
    pub access: GatewayAccess,
    /// Whose snapshot is in force here.
    pub environment: String,
    /// The node's name in the cluster.
    pub node: String,
    /// Whose snapshots are taken.
    pub keys: Vec<SnapshotPublicKey>,
    /// Where the last snapshot is kept.
    pub state_dir: PathBuf,
    /// The runtime's NRI.
    pub nri_socket: PathBuf,
    /// The runtime's CRI: asked for digests that NRI does not tell, to stop containers, and
    /// for canaries.
    pub cri_socket: Option<PathBuf>,
    pub exemptions: Exemptions,
    /// How often a canary is sent; `None`: never.
    pub canary_every: Option<Duration>,
}
