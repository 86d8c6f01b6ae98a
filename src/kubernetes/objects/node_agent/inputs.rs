//! The inputs of the agents' part.

use crate::kubernetes::names::AGENT_NAMESPACE;
use crate::kubernetes::objects::installation::check_image;
use crate::kubernetes::objects::{Installation, InstallationError};

/// What belongs to them, and the Secret with their token.
pub(super) const AGENT_NAME: &str = "sekisho-node";
pub(super) const KEYS_FILE: &str = "snapshot.pub";
pub(super) const CA_FILE: &str = "ca.crt";

/// What runs on each node.
#[derive(Clone, Debug)]
pub struct AgentWorkload {
    /// The program's own image; nodes must get it without the gateway.
    pub image: String,
    /// Whose snapshots hold there.
    pub environment: String,
    /// The public keys that sign snapshots, in PEM.
    pub snapshot_keys: String,
    /// The authorities of the gateway's certificate, in PEM; `None`: the public ones.
    pub ca: Option<String>,
    /// Of the runtime, where agents are to ask it; an absolute path of nodes.
    pub cri_socket: Option<String>,
    pub identity: AgentIdentity,
}

/// Who an agent is to the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentIdentity {
    /// The holder of the token in the Secret, as all others.
    Token,
    /// Its node, by `tls.crt` and `tls.key` in this folder of the node.
    Certificate(String),
}

impl AgentWorkload {
    pub(super) fn check(&self, installation: &Installation) -> Result<(), InstallationError> {
        check_image(&self.image, &installation.gateway)?;
        if !installation.exempt().contains(&AGENT_NAMESPACE) {
            return Err(InstallationError::AgentNamespace);
        }
        let socket = self.cri_socket.as_deref();
        if let Some(bad) = socket.filter(|path| folder_of(path).is_none()) {
            return Err(InstallationError::NodePath(bad.to_owned()));
        }
        match &self.identity {
            AgentIdentity::Certificate(folder) if !is_folder(folder) => {
                Err(InstallationError::NodeFolder(folder.clone()))
            }
            _ => Ok(()),
        }
    }
}

/// The folder in which a file of a node lies; never the root of its disk.
pub(super) fn folder_of(path: &str) -> Option<&str> {
    let (folder, _) = path.rsplit_once('/')?;
    (is_folder(path) && is_folder(folder)).then_some(folder)
}

/// An absolute path of plain names, and not the root: it becomes a part of arguments and of
/// mounts.
fn is_folder(path: &str) -> bool {
    let named = |name: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !matches!(name, "" | "." | "..") && name.bytes().all(is_plain)
    };
    path.strip_prefix('/')
        .is_some_and(|names| names.split('/').all(named))
}
