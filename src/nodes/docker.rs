//! Docker: a `hosts.toml` for its containerd store, and notes on the rest.

use std::path::{Path, PathBuf};

use super::hosts_toml::{ca_beside, file, through};
use super::{GatewayUrl, NodeFile, NodeGateway, NodesError, Runtime};
use crate::oci::RegistryHost;

/// Where certificates and mirror files lie, below the runtime's root.
const CERTS_FOLDER: &str = "certs.d";

pub(super) fn plan(gateway: &NodeGateway) -> Result<Vec<NodeFile>, NodesError> {
    if gateway.has_ipv6() {
        return Err(NodesError::NoIpv6(Runtime::Docker.as_str()));
    }
    let mut files = vec![NodeFile {
        path: PathBuf::from("sekisho-notes.txt"),
        contents: notes(gateway),
    }];
    if !gateway.direct.iter().any(RegistryHost::is_docker_hub) {
        let directory = Path::new(CERTS_FOLDER).join(RegistryHost::DOCKER_HUB);
        let ca = ca_beside(Runtime::Docker, gateway);
        let urls = through(Runtime::Docker, gateway)?;
        files.push(file(&directory, &urls, ca.as_deref())?);
    }
    Ok(files)
}

fn notes(gateway: &NodeGateway) -> String {
    let urls: Vec<_> = gateway.urls.iter().map(GatewayUrl::as_str).collect();
    let insecure: String = gateway.urls.iter().filter_map(insecure).collect();
    let names = names(gateway);
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
        url = urls.join(", ")
    )
}

/// How images are named; with several gateways, by each of them.
fn names(gateway: &NodeGateway) -> String {
    let mut names: String = gateway
        .mirrored()
        .flat_map(|entry| gateway.urls.iter().map(move |url| name(entry, url)))
        .collect();
    if gateway.urls.len() > 1 {
        names.push_str(
            "#    A name leads to that one gateway; Docker tries no other when it is down.\n",
        );
    }
    names
}

fn name((host, path): &(RegistryHost, String), url: &GatewayUrl) -> String {
    format!("#     {host}/NAME  ->  {}/{path}/NAME\n", url.authority())
}

fn insecure(url: &GatewayUrl) -> Option<String> {
    let authority = url.authority();
    url.is_plain().then(|| {
        format!(
            "#\n# The gateway has no TLS: list \"{authority}\" under insecure-registries in\n\
             # daemon.json.\n"
        )
    })
}
