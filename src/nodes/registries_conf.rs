//! CRI-O and podman: one drop-in for `registries.conf.d`.
//!
//! They fall back from a mirror to the source unless the source is `blocked`; mirrors
//! are still tried then. There is no wildcard: a registry without a table is pulled
//! from directly, unless the network forbids it.

use std::path::PathBuf;

use toml::{Table, Value};

use super::hosts_toml::quoted;
use super::plain_toml::read_plain;
use super::{GatewayUrl, NodeCa, NodeFile, NodeGateway, NodesError, Runtime};
use crate::oci::RegistryHost;

/// Sorts behind what distributions install (Debian's `shortnames.conf`): of two
/// tables for one prefix the later file's holds.
const FILE_NAME: &str = "zz-sekisho.conf";

const HEADER: &str = "\
# Written by `sekisho node-config`; checked when it was written.
# `blocked` closes the way to the registry itself; its mirrors, the gateways, are
# still tried, in this order. Registries without a table here are not covered: block them on the network.
";

/// The names by which Docker Hub is reached; the default one first.
const DOCKER_HUB: [&str; 3] = [
    RegistryHost::DOCKER_HUB,
    "registry-1.docker.io",
    "registry.hub.docker.com",
];

/// A registry as an image names it, and the places under the gateways that answer, in the
/// order in which they are tried.
struct Mirrored<'a> {
    source: &'a str,
    mirrors: Vec<Mirror>,
}

/// A place under one gateway.
#[derive(Clone)]
struct Mirror {
    location: String,
    plain: bool,
}

pub(super) fn plan(
    runtime: Runtime,
    gateway: &NodeGateway,
    existing: &[String],
) -> Result<Vec<NodeFile>, NodesError> {
    if gateway.has_ipv6() {
        return Err(NodesError::NoIpv6(runtime.as_str()));
    }
    if let Some(later) = existing.iter().find(|name| is_later(name)) {
        return Err(NodesError::LaterFile(later.clone()));
    }
    let mirrored: Vec<_> = gateway
        .mirrored()
        .flat_map(|entry| of(gateway, entry))
        .collect();
    if mirrored.is_empty() {
        return Err(NodesError::Nothing);
    }
    if let Some(source) = mirrored.iter().find(|mirror| mirror.source.contains('[')) {
        let host = source.source.to_owned();
        let runtime = runtime.as_str();
        return Err(NodesError::Ipv6Registry { runtime, host });
    }
    let contents = render(&mirrored, gateway);
    let path = PathBuf::from("registries.conf.d").join(FILE_NAME);
    match check(&contents, &mirrored) {
        Ok(()) => Ok(vec![NodeFile { path, contents }]),
        Err(problem) => Err(NodesError::Check { path, problem }),
    }
}

/// Only `.conf` files are read, in the order of their names.
fn is_later(name: &str) -> bool {
    name.ends_with(".conf") && name > FILE_NAME
}

fn of<'a>(
    gateway: &NodeGateway,
    (host, path): &'a (RegistryHost, String),
) -> impl Iterator<Item = Mirrored<'a>> {
    let mirrors: Vec<_> = gateway
        .urls
        .iter()
        .map(|url| Mirror::of(url, path))
        .collect();
    let sources = match host.is_docker_hub() {
        true => DOCKER_HUB.to_vec(),
        false => vec![host.as_str()],
    };
    sources.into_iter().map(move |source| Mirrored {
        source,
        mirrors: mirrors.clone(),
    })
}

impl Mirror {
    fn of(url: &GatewayUrl, path: &str) -> Self {
        Self {
            location: format!("{}/{path}", url.authority()),
            plain: url.is_plain(),
        }
    }
}

fn render(mirrored: &[Mirrored<'_>], gateway: &NodeGateway) -> String {
    let mut contents = HEADER.to_owned();
    if let Some(NodeCa::At(ca)) = &gateway.ca {
        contents.extend(gateway.urls.iter().map(|url| {
            let authority = url.authority();
            format!("# Copy {ca} to /etc/containers/certs.d/{authority}/ca.crt\n")
        }));
    }
    contents.extend(mirrored.iter().map(registry_table));
    contents
}

fn registry_table(mirrored: &Mirrored<'_>) -> String {
    let source = quoted(mirrored.source);
    let mirrors: String = mirrored.mirrors.iter().map(mirror_table).collect();
    format!("\n[[registry]]\nprefix = {source}\nlocation = {source}\nblocked = true\n{mirrors}")
}

fn mirror_table(mirror: &Mirror) -> String {
    let location = quoted(&mirror.location);
    let insecure = if mirror.plain {
        "insecure = true\n"
    } else {
        ""
    };
    format!("\n[[registry.mirror]]\nlocation = {location}\npull-from-mirror = \"all\"\n{insecure}")
}

/// Parses the file as a node will, and asserts that every source is blocked and has
/// the gateways as its only mirrors.
fn check(contents: &str, mirrored: &[Mirrored<'_>]) -> Result<(), String> {
    let file = read_plain(contents).map_err(|flaw| flaw.to_string())?;
    let tables = mirrored.iter().map(expected).collect();
    let expected = Table::from_iter([("registry".to_owned(), Value::Array(tables))]);
    match file == expected {
        true => Ok(()),
        false => Err("a registry is not blocked, or has another mirror".to_owned()),
    }
}

fn expected(mirrored: &Mirrored<'_>) -> Value {
    let mirrors = mirrored.mirrors.iter().map(expected_mirror).collect();
    Value::Table(Table::from_iter([
        ("prefix".to_owned(), Value::from(mirrored.source)),
        ("location".to_owned(), Value::from(mirrored.source)),
        ("blocked".to_owned(), Value::from(true)),
        ("mirror".to_owned(), Value::Array(mirrors)),
    ]))
}

fn expected_mirror(mirror: &Mirror) -> Value {
    let mut table = Table::from_iter([
        ("location".to_owned(), Value::from(&*mirror.location)),
        ("pull-from-mirror".to_owned(), Value::from("all")),
    ]);
    if mirror.plain {
        table.insert("insecure".to_owned(), Value::from(true));
    }
    Value::Table(table)
}
