//! CRI-O and podman: one drop-in for `registries.conf.d`.
//!
//! They fall back from a mirror to the source unless the source is `blocked`; mirrors
//! are still tried then. There is no wildcard: a registry without a table is pulled
//! from directly, unless the network forbids it.

use std::path::PathBuf;

use toml::{Table, Value};

use super::hosts_toml::quoted;
use super::plain_toml::read_plain;
use super::{NodeCa, NodeFile, NodeGateway, NodesError, Runtime};
use crate::oci::RegistryHost;

/// Sorts behind what distributions install (Debian's `shortnames.conf`): of two
/// tables for one prefix the later file's holds.
const FILE_NAME: &str = "zz-sekisho.conf";

const HEADER: &str = "\
# Written by `sekisho node-config`; checked when it was written.
# `blocked` closes the way to the registry itself; its mirror, the gateway, is still
# tried. Registries without a table here are not covered: block them on the network.
";

/// The names by which Docker Hub is reached; the default one first.
const DOCKER_HUB: [&str; 3] = [
    RegistryHost::DOCKER_HUB,
    "registry-1.docker.io",
    "registry.hub.docker.com",
];

/// A registry as an image names it, and the place under the gateway that answers.
struct Mirror<'a> {
    source: &'a str,
    location: String,
}

pub(super) fn plan(
    runtime: Runtime,
    gateway: &NodeGateway,
    existing: &[String],
) -> Result<Vec<NodeFile>, NodesError> {
    if gateway.url.is_ipv6() {
        return Err(NodesError::NoIpv6(runtime.as_str()));
    }
    if let Some(later) = existing.iter().find(|name| is_later(name)) {
        return Err(NodesError::LaterFile(later.clone()));
    }
    let mirrors: Vec<_> = gateway
        .mirrored()
        .flat_map(|entry| of(gateway, entry))
        .collect();
    if mirrors.is_empty() {
        return Err(NodesError::Nothing);
    }
    if let Some(source) = mirrors.iter().find(|mirror| mirror.source.contains('[')) {
        let host = source.source.to_owned();
        let runtime = runtime.as_str();
        return Err(NodesError::Ipv6Registry { runtime, host });
    }
    let plain = gateway.url.is_plain();
    let contents = render(&mirrors, plain, gateway);
    let path = PathBuf::from("registries.conf.d").join(FILE_NAME);
    match check(&contents, &mirrors, plain) {
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
) -> impl Iterator<Item = Mirror<'a>> {
    let location = format!("{}/{path}", gateway.url.authority());
    let sources = match host.is_docker_hub() {
        true => DOCKER_HUB.to_vec(),
        false => vec![host.as_str()],
    };
    sources.into_iter().map(move |source| Mirror {
        source,
        location: location.clone(),
    })
}

fn render(mirrors: &[Mirror<'_>], plain: bool, gateway: &NodeGateway) -> String {
    let mut contents = HEADER.to_owned();
    if let Some(NodeCa::At(ca)) = &gateway.ca {
        let authority = gateway.url.authority();
        let note = format!("# Copy {ca} to /etc/containers/certs.d/{authority}/ca.crt\n");
        contents.push_str(&note);
    }
    for mirror in mirrors {
        contents.push_str(&table(mirror, plain));
    }
    contents
}

fn table(mirror: &Mirror<'_>, plain: bool) -> String {
    let source = quoted(mirror.source);
    let location = quoted(&mirror.location);
    let insecure = if plain { "insecure = true\n" } else { "" };
    format!(
        "\n[[registry]]\nprefix = {source}\nlocation = {source}\nblocked = true\n\n\
         [[registry.mirror]]\nlocation = {location}\npull-from-mirror = \"all\"\n{insecure}"
    )
}

/// Parses the file as a node will, and asserts that every source is blocked and has
/// the gateway as its only mirror.
fn check(contents: &str, mirrors: &[Mirror<'_>], plain: bool) -> Result<(), String> {
    let file = read_plain(contents).map_err(|flaw| flaw.to_string())?;
    let tables = mirrors
        .iter()
        .map(|mirror| expected(mirror, plain))
        .collect();
    let expected = Table::from_iter([("registry".to_owned(), Value::Array(tables))]);
    match file == expected {
        true => Ok(()),
        false => Err("a registry is not blocked, or has another mirror".to_owned()),
    }
}

fn expected(mirror: &Mirror<'_>, plain: bool) -> Value {
    let mut gateway = Table::from_iter([
        ("location".to_owned(), Value::from(&*mirror.location)),
        ("pull-from-mirror".to_owned(), Value::from("all")),
    ]);
    if plain {
        gateway.insert("insecure".to_owned(), Value::from(true));
    }
    Value::Table(Table::from_iter([
        ("prefix".to_owned(), Value::from(mirror.source)),
        ("location".to_owned(), Value::from(mirror.source)),
        ("blocked".to_owned(), Value::from(true)),
        (
            "mirror".to_owned(),
            Value::Array(vec![Value::Table(gateway)]),
        ),
    ]))
}
