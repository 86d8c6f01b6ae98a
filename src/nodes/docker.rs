//! Docker: a `hosts.toml` for its containerd store, and notes on the rest.

use std::path::{Path, PathBuf};

use super::hosts_toml::{ca_beside, file};
use super::{NodeFile, NodeGateway, NodesError, Runtime};
use crate::oci::RegistryHost;

/// Where certificates and mirror files lie, below the runtime's root.
const CERTS_FOLDER: &str = "certs.d";

pub(super) fn plan(gateway: &NodeGateway) -> Result<Vec<NodeFile>, NodesError> {
    if gateway.url.is_ipv6() {
        return Err(NodesError::NoIpv6(Runtime::Docker.as_str()));
    }
    let mut files = vec![NodeFile {
        path: PathBuf::from("sekisho-notes.txt"),
        contents: notes(gateway),
    }];
    if !gateway.direct.iter().any(RegistryHost::is_docker_hub) {
        let directory = Path::new(CERTS_FOLDER).join(RegistryHost::DOCKER_HUB);
        let ca = ca_beside(Runtime::Docker, gateway);
        files.push(file(&directory, gateway.url.as_str(), ca.as_deref())?);
    }
    Ok(files)
}

fn notes(gateway: &NodeGateway) -> String {
    let authority = gateway.url.authority();
    let names: String = gateway
        .mirrored()
        .map(|(host, path)| format!("#     {host}/NAME  ->  {authority}/{path}/NAME\n"))
        .collect();
    let insecure = match gateway.url.is_plain() {
        true => format!(
            "#\n# The gateway has no TLS: list \"{authority}\" under insecure-registries in\n\
             # daemon.json.\n"
        ),
        false => String::new(),
    };
    format!(
        "# Docker and the gateway {url}\n\
         #\n\
         # registry-mirrors in daemon.json is never enforcement: Docker always appends Docker\n\
         # Hub, asks it after any error of the mirror, and knows no mirror for other registries.\n\
         # These three hold, best together:\n\
         #\n\
         # 1. Name the gateway in the image:\n\
         {names}\
         # 2. With the containerd store (docker info: driver-type io.containerd.snapshotter.v1),\n\
         #    certs.d/docker.io/hosts.toml sends Docker Hub's names to the gateway and nowhere\n\
         #    else. Without that store the file is not read.\n\
         # 3. Block egress from this node to registry-1.docker.io, auth.docker.io,\n\
         #    production.cloudflare.docker.com and the other registries.\n\
         {insecure}",
        url = gateway.url
    )
}
