//! One entry for all runtimes.

use std::path::PathBuf;
use std::str::FromStr;

use super::{Gateway, GatewayUrl, containerd, docker, registries_conf};
use crate::oci::RegistryHost;

/// What pulls images on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Runtime {
    Containerd,
    Crio,
    Docker,
    Podman,
}

/// A word that names no runtime.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the runtimes are containerd, crio, docker and podman")]
pub struct UnknownRuntime;

impl FromStr for Runtime {
    type Err = UnknownRuntime;

    fn from_str(text: &str) -> Result<Self, UnknownRuntime> {
        match text {
            "containerd" => Ok(Self::Containerd),
            "crio" => Ok(Self::Crio),
            "docker" => Ok(Self::Docker),
            "podman" => Ok(Self::Podman),
            _ => Err(UnknownRuntime),
        }
    }
}

impl Runtime {
    /// As it is written in commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Containerd => "containerd",
            Self::Crio => "crio",
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }

    /// Where the files belong on a node: the directory their paths are relative to.
    pub const fn root(self) -> &'static str {
        match self {
            Self::Containerd => "/etc/containerd/certs.d",
            Self::Crio | Self::Podman => "/etc/containers",
            Self::Docker => "/etc/docker",
        }
    }

    /// Where the CA of `gateway` belongs, relative to [`Runtime::root`]: where the
    /// runtime looks for it by itself, or can be told to.
    pub fn ca_file(self, gateway: &GatewayUrl) -> PathBuf {
        match self {
            Self::Containerd => PathBuf::from("sekisho-ca.crt"),
            Self::Crio | Self::Podman | Self::Docker => PathBuf::from("certs.d")
                .join(gateway.authority())
                .join("ca.crt"),
        }
    }

    /// Whether the mirror files of this runtime name the CA.
    pub const fn names_ca(self) -> bool {
        matches!(self, Self::Containerd | Self::Docker)
    }

    /// The directory under [`Runtime::root`] whose entries [`plan`] must know: the root
    /// itself where it is empty.
    pub const fn existing_in(self) -> Option<&'static str> {
        match self {
            Self::Containerd => Some(""),
            Self::Crio | Self::Podman => Some("registries.conf.d"),
            Self::Docker => None,
        }
    }
}

/// One file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFile {
    /// Relative to [`Runtime::root`].
    pub path: PathBuf,
    pub contents: String,
}

/// Why no files are planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodesError {
    #[error(
        "the gateway is written http://host[:port] or https://host[:port], without a path; not {0:?}"
    )]
    Url(String),
    #[error("{0} is the gateway itself")]
    GatewayItself(RegistryHost),
    #[error("{0} is listed twice")]
    Twice(RegistryHost),
    #[error("{0:?} is no path segment of the gateway: one lower-case component of a name")]
    Path(String),
    #[error("the CA must be an absolute path on the node; not {0:?}")]
    Ca(String),
    #[error(
        "a directory named {0:?} lies there already, and it is not safe to write into; remove it"
    )]
    Directory(String),
    #[error("the file {0:?} is read after ours and can undo it; rename or remove it")]
    LaterFile(String),
    #[error("no registry is pulled through the gateway, so there is nothing to write")]
    Nothing,
    #[error("the file {path:?} failed its own check, nothing is written: {problem}")]
    Check { path: PathBuf, problem: String },
}

/// Plans the files that send a node of the `runtime` to the gateway.
///
/// `existing`: names of what lies in [`Runtime::existing_in`] already. Of containerd,
/// its directories: one without our file would shadow `_default` and go straight to
/// the source. Of CRI-O and podman, its files: one read after ours could undo it.
pub fn plan(
    runtime: Runtime,
    gateway: &Gateway,
    existing: &[String],
) -> Result<Vec<NodeFile>, NodesError> {
    gateway.check()?;
    match runtime {
        Runtime::Containerd => containerd::plan(gateway, existing),
        Runtime::Crio | Runtime::Podman => registries_conf::plan(gateway, existing),
        Runtime::Docker => docker::plan(gateway),
    }
}
