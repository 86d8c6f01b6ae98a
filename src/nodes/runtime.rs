//! What pulls images on a node, and where its files belong.

use std::path::PathBuf;
use std::str::FromStr;

use super::GatewayUrl;

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
    /// runtime looks for it by default, or can be configured to.
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

    /// The directory under [`Runtime::root`] whose entries [`plan`](super::plan()) must know: the root
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
