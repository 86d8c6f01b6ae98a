//! containerd: a `hosts.toml` in every directory that it could look into.
//!
//! containerd takes the first directory that exists, whatever is in it. So the
//! default, each named registry and each directory already there get the same file;
//! only direct registries get one that names themselves.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::hosts_toml::{ca_beside, directories, file, through};
use super::{NodeFile, NodeGateway, NodesError, Runtime};
use crate::oci::RegistryHost;

pub(super) fn plan(
    gateway: &NodeGateway,
    existing: &[String],
) -> Result<Vec<NodeFile>, NodesError> {
    let mut planned = BTreeMap::new();
    let ca = ca_beside(Runtime::Containerd, gateway);
    let urls = through(Runtime::Containerd, gateway)?;
    for directory in through_gateway(gateway, existing)? {
        let through = file(&directory, &urls, ca.as_deref())?;
        planned.insert(directory, through);
    }
    for host in &gateway.direct {
        for directory in directories(host.as_str()) {
            planned.insert(
                directory.clone(),
                file(&directory, &[&own_url(host)], None)?,
            );
        }
    }
    Ok(planned.into_values().collect())
}

fn through_gateway(gateway: &NodeGateway, existing: &[String]) -> Result<Vec<PathBuf>, NodesError> {
    if let Some(odd) = existing.iter().find(|name| !is_safe(name)) {
        return Err(NodesError::Directory(odd.clone()));
    }
    let named = gateway
        .mirrored()
        .flat_map(|(host, _)| directories(host.as_str()));
    Ok(std::iter::once(PathBuf::from("_default"))
        .chain(named)
        .chain(existing.iter().map(PathBuf::from))
        .collect())
}

/// One plain component of a path. It need not be a registry's name: containerd never
/// asks for what is not one, and a file in it does no harm.
fn is_safe(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:[]".contains(&byte);
    !matches!(name, "" | "." | "..") && name.bytes().all(plain)
}

/// Where a direct registry answers; containerd speaks plain HTTP to loopback.
fn own_url(host: &RegistryHost) -> String {
    let name = host.as_str();
    let loopback = ["localhost", "127.0.0.1", "[::1]"]
        .into_iter()
        .any(|local| name == local || name.starts_with(&format!("{local}:")));
    match (host.is_docker_hub(), loopback) {
        (true, _) => "https://registry-1.docker.io".to_owned(),
        (_, true) => format!("http://{name}"),
        _ => format!("https://{name}"),
    }
}
