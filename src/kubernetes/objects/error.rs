//! Why an installation cannot be planned.

use crate::kubernetes::names::AGENT_NAMESPACE;
use crate::oci::{ImageRefError, RegistryHost};

/// Why an installation is not planned. Each text names the input and what to
/// write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstallationError {
    #[error(
        "the cluster's name {0:?} becomes part of object names: write 1 to 63 lower-case letters, digits and -"
    )]
    Cluster(String),
    #[error("the namespace {0:?} is none: write 1 to 63 lower-case letters, digits and -")]
    Namespace(String),
    #[error(
        "no image name leads to the gateway {0}: clients take it for a part of a name on Docker Hub; give it a dot or a port"
    )]
    Gateway(RegistryHost),
    #[error("the glob of namespaces: {0}")]
    Glob(String),
    #[error("there is no upstream, so no image could be permitted")]
    NoUpstream,
    #[error("the webhook's URL is written https://host[:port], without a path; not {0:?}")]
    Url(String),
    #[error("Sekisho's own image {image:?}: {problem}")]
    Image {
        image: String,
        problem: ImageRefError,
    },
    #[error(
        "Sekisho's own image {0:?} would be pulled through the gateway that it runs; name a registry that nodes reach without it"
    )]
    OwnImage(String),
    #[error(
        "the agents' namespace {AGENT_NAMESPACE} is not exempt, so their Pods would wait for the gateway's evidence: add {AGENT_NAMESPACE:?} to exempt_namespaces in [[clusters]]"
    )]
    AgentNamespace,
    #[error(
        "{0:?} is no path of a node below a folder; write it as /run/containerd/containerd.sock"
    )]
    NodePath(String),
    #[error(
        "{0:?} is no folder of a node; write it as /etc/sekisho-node/certificate, with tls.crt and tls.key in it"
    )]
    NodeFolder(String),
    #[error("{0:?} is no version of Kubernetes that has what is needed: write 1.30 or later")]
    Kubernetes(String),
    #[error("cannot be written as YAML: {0}")]
    Yaml(String),
}
