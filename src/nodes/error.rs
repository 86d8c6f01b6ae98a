//! Errors of planning a node's files.

use std::path::PathBuf;

use crate::oci::RegistryHost;

/// Why no files are planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodesError {
    #[error(
        "the gateway is written http://host[:port] or https://host[:port], without a path; not {0:?}"
    )]
    Url(String),
    #[error("no gateway is named")]
    NoGateway,
    #[error("the gateway {0} is named twice")]
    GatewayTwice(String),
    #[error("{0} is the gateway itself")]
    GatewayItself(RegistryHost),
    #[error("{0} is listed twice")]
    Twice(RegistryHost),
    #[error(
        "{path:?} is the path of {first} and of {second}, so the images of one would come by the \
         name of the other; choose another"
    )]
    SamePath {
        path: String,
        first: RegistryHost,
        second: RegistryHost,
    },
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
    #[error(
        "not every {0} can name an IPv6 address, and one that cannot refuses every pull; give the \
         gateway a DNS name, and name that"
    )]
    NoIpv6(&'static str),
    #[error(
        "not every {0} tries several gateways in turn where one is named by an IPv6 address; give \
         each a DNS name, and name those"
    )]
    SeveralWithIpv6(&'static str),
    #[error(
        "not every {runtime} can pull from the IPv6 address {host}; give that registry a DNS name, or leave \
         it out"
    )]
    Ipv6Registry { runtime: &'static str, host: String },
    #[error("no registry is pulled through the gateway, so there is nothing to write")]
    Nothing,
    #[error("the file {path:?} failed its own check, nothing is written: {problem}")]
    Check { path: PathBuf, problem: String },
}
