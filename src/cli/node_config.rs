//! `sekisho node-config`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::arguments::SharedArgs;
use super::aside::say_aside;
use super::failure::{Exit, Failure};
use super::file;
use super::node_ca;
use super::output::say;
use crate::app::config::{Config, ListenerConfig, TlsConfig};
use crate::kubernetes::names::SECRET_NAME;
use crate::nodes::{self, GatewayUrl, NodeCa, NodeFile, NodeGateway, Runtime};
use crate::oci::{RegistryHost, RepositoryName};
use crate::tls::manager::bundle_in;

/// Write the files that make a node pull through the gateway, and only through it
#[derive(Debug, Args)]
#[command(
    after_help = "A mirror file that is wrong leaves the way to the source open: what is written
here was parsed back first. Where DIR holds directories of other registries, they
get a file of ours too, since they would go past the gateway.

Where the configuration's listener has tls = \"auto\" and --ca is absent, the bundle
of the gateway's own authority is written too. While another CA is about to sign,
it holds both: write it again when `sekisho status` tells of a change.

With several gateways a node tries the next one where one is down, and where one
denies: so all of them must judge by the same ledger. Let --ca hold the authorities of
all, if these differ.

Files that are written for other machines name nothing of this one: the CA lies
beside them. Only in the runtime's own folder, as /etc/containerd/certs.d, is the
path of --ca kept.

Examples:
  sekisho node-config containerd --gateway https://gateway.corp:5080 --ca /etc/ssl/corp.pem --output /etc/containerd/certs.d
  sekisho node-config containerd --gateway https://gateway.corp:5080 --config sekisho.toml
  sekisho node-config containerd --gateway https://gate-a.corp:5080 --gateway https://gate-b.corp:5080
  sekisho node-config crio --gateway https://gateway.corp:5080 --registry docker.io --registry quay.io
  sekisho node-config podman --gateway https://gateway.corp:5080 --registry registry.corp:5000=corp --direct registry.corp"
)]
pub struct NodeConfig {
    /// containerd, crio, docker or podman
    #[arg(value_name = "RUNTIME", value_parser = runtime())]
    runtime: Runtime,
    /// The gateway as nodes reach it; repeated, the gateways in the order in which they
    /// are tried
    #[arg(long, value_name = "URL", value_parser = gateway_url, required = true)]
    gateway: Vec<GatewayUrl>,
    /// A registry to pull through it, with its path there if that differs; may be
    /// repeated. By default the upstreams of the configuration
    #[arg(long, value_name = "HOST[=PATH]")]
    registry: Vec<String>,
    /// A registry that is left direct, as for Sekisho's own image; may be repeated
    #[arg(long, value_name = "HOST")]
    direct: Vec<RegistryHost>,
    /// The authority of the gateway's certificate: a file here, which is written beside
    /// the others; or, if it is not here, its path on the node. By default the
    /// gateway's own, where the configuration has tls = "auto"
    #[arg(long, value_name = "FILE")]
    ca: Option<String>,
    /// Write below this directory; by default all is printed
    #[arg(long, value_name = "DIR", value_parser = folder)]
    output: Option<PathBuf>,
}

/// At other commands `--output` is a format: who means one gets no folder of that name.
fn folder(text: &str) -> Result<PathBuf, String> {
    match text {
        "" => Err("names no folder; this one is .".to_owned()),
        "json" | "text" | "csv" | "yaml" => Err(format!(
            "here it is the folder to write into, and the files have the form that the runtime \
             reads; a folder of that name is ./{text}"
        )),
        folder => Ok(PathBuf::from(folder)),
    }
}

fn runtime() -> impl TypedValueParser<Value = Runtime> {
    PossibleValuesParser::new(["containerd", "crio", "docker", "podman"])
        .try_map(|word| word.parse::<Runtime>())
}

fn gateway_url(text: &str) -> Result<GatewayUrl, String> {
    GatewayUrl::parse(text).map_err(|error| error.to_string())
}

impl NodeConfig {
    pub fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let authority = self.authority(shared)?;
        let gateway = NodeGateway {
            urls: self.gateway.clone(),
            registries: self.registries(shared)?,
            direct: self.direct.clone(),
            ca: self.ca_on_node(&authority),
        };
        let existing = match &self.output {
            Some(folder) => existing(folder, self.runtime)?,
            None => Vec::new(),
        };
        let mut files = nodes::plan(self.runtime, &gateway, &existing)
            .map_err(|error| Failure::new(error.to_string()))?;
        // First, so that no mirror file names a CA that is not there.
        if let NodeAuthority::Written(contents) = authority {
            files.splice(0..0, self.ca_files(&contents));
        }
        match &self.output {
            Some(folder) => write_all(folder, &files)?,
            None => self.print(&files)?,
        }
        Ok(Exit::Done)
    }

    /// The CA, where the runtime looks for it for each gateway.
    fn ca_files(&self, contents: &str) -> Vec<NodeFile> {
        let paths = self.gateway.iter().map(|url| self.runtime.ca_file(url));
        let mut paths: Vec<_> = paths.collect();
        paths.dedup();
        let file = |path| NodeFile {
            path,
            contents: contents.to_owned(),
        };
        paths.into_iter().map(file).collect()
    }

    /// What a node holds already is not known here, so it is only warned of.
    fn print(&self, files: &[NodeFile]) -> Result<(), Failure> {
        let root = self.runtime.root();
        say(&printed(Path::new(root), files))?;
        if self.runtime.existing_in().is_some() {
            let hint = "what lies there already can lead past the gateway";
            say_aside(&format!(
                "sekisho: {hint}; on the node, run this with --output {root}"
            ));
        }
        Ok(())
    }

    /// The CA of the gateway, and whether it is to be written.
    fn authority(&self, shared: &SharedArgs) -> Result<NodeAuthority, Failure> {
        let Some(named) = &self.ca else {
            let own = self.own_bundle(shared)?;
            return Ok(own.map_or(NodeAuthority::Known, NodeAuthority::Written));
        };
        match node_ca::read("--ca", Path::new(named))? {
            Some(certificates) if !self.is_for_here() => Ok(NodeAuthority::Written(certificates)),
            Some(_) => Ok(NodeAuthority::Named(named.clone())),
            None => {
                say_aside(&format!(
                    "sekisho: {named} is not here; every node must have it"
                ));
                Ok(NodeAuthority::Named(named.clone()))
            }
        }
    }

    /// Whether this machine itself is the node.
    fn is_for_here(&self) -> bool {
        let here = |path: &Path| fs::canonicalize(path).ok();
        let root = here(Path::new(self.runtime.root()));
        let output = self.output.as_deref().and_then(here);
        root.is_some() && root == output
    }

    /// The bundle of the gateway's own authority, where its certificate comes from there.
    fn own_bundle(&self, shared: &SharedArgs) -> Result<Option<String>, Failure> {
        let mut ports = self.tls_ports().peekable();
        if ports.peek().is_none() {
            return Ok(None);
        }
        match shared.load_parts(Some(&["data_dir", "listeners"])) {
            Ok(config) if ports.any(|port| shows_own(&config, port)) => {
                bundle(&config.authority_dir()).map(Some)
            }
            Ok(_) => Ok(None),
            Err(_) => {
                let hint = "name the authority of the gateway with --ca, if nodes lack it";
                say_aside(&format!(
                    "sekisho: the configuration cannot be used here; {hint}"
                ));
                Ok(None)
            }
        }
    }

    fn tls_ports(&self) -> impl Iterator<Item = u16> {
        let with_tls = self.gateway.iter().filter(|url| !url.is_plain());
        with_tls.map(GatewayUrl::port)
    }

    /// Where a node finds the CA. What is printed stands under the paths of a node, so the
    /// CA has one of these too; what is written names it from where it lies.
    fn ca_on_node(&self, authority: &NodeAuthority) -> Option<NodeCa> {
        match authority {
            NodeAuthority::Known => None,
            NodeAuthority::Named(path) => Some(NodeCa::At(path.clone())),
            NodeAuthority::Written(_) if self.output.is_some() => Some(NodeCa::Beside),
            NodeAuthority::Written(_) if !self.runtime.names_ca() => None,
            NodeAuthority::Written(_) => {
                let file = self.runtime.ca_file(self.gateway.first()?);
                let path = Path::new(self.runtime.root()).join(file);
                Some(NodeCa::At(path.display().to_string()))
            }
        }
    }

    /// Those named, else the configuration's upstreams.
    fn registries(&self, shared: &SharedArgs) -> Result<Vec<(RegistryHost, String)>, Failure> {
        if !self.registry.is_empty() {
            return self.registry.iter().map(|text| registry(text)).collect();
        }
        let upstreams = shared.load_parts(Some(&["upstreams"]))?.upstreams;
        let pair = |upstream: crate::app::config::UpstreamConfig| (upstream.name, upstream.path);
        Ok(upstreams.into_iter().map(pair).collect())
    }
}

/// The CA of the gateway's certificate.
enum NodeAuthority {
    /// Nodes trust it by themselves.
    Known,
    /// It lies on nodes, at this path.
    Named(String),
    /// These certificates, which are written with the files.
    Written(String),
}

/// Whether the listener at `port` shows a certificate of our own; where none is at
/// that port, as behind a Service, whether any does.
fn shows_own(config: &Config, port: u16) -> bool {
    let is_auto = |it: &ListenerConfig| it.tls == Some(TlsConfig::Auto);
    let there = |it: &&ListenerConfig| it.address.port() == port;
    let listeners = &config.listeners;
    match listeners.iter().any(|it| there(&it)) {
        true => listeners.iter().filter(there).any(is_auto),
        false => listeners.iter().any(is_auto),
    }
}

fn bundle(folder: &Path) -> Result<String, Failure> {
    let held = bundle_in(folder).map_err(|error| Failure::new(error.to_string()))?;
    held.ok_or_else(|| {
        let place = folder.display();
        let message =
            format!("the gateway makes its own certificate, and {place} holds no authority");
        Failure::new(message).next(format!(
            "run this where `sekisho serve` ran, or name the file with --ca; in a cluster, the \
             Secret {SECRET_NAME} has it as ca.crt",
        ))
    })
}

/// `HOST` or `HOST=PATH`.
fn registry(text: &str) -> Result<(RegistryHost, String), Failure> {
    let (host, path) = text.split_once('=').unwrap_or((text, text));
    let host = RegistryHost::parse(host)
        .map_err(|error| Failure::usage(format!("--registry {text}: {error}")))?;
    let path = match text.contains('=') {
        true => path.to_owned(),
        false => host.to_string(),
    };
    if !RepositoryName::is_component(&path) {
        let message = format!("--registry {text}: {path:?} cannot be a segment of a name");
        return Err(Failure::usage(message).next("write it with its path: HOST=PATH"));
    }
    Ok((host, path))
}

/// Names of what lies there already.
fn existing(root: &Path, runtime: Runtime) -> Result<Vec<String>, Failure> {
    let Some(below) = runtime.existing_in() else {
        return Ok(Vec::new());
    };
    let folder = root.join(below);
    let unread = |error: io::Error| Failure::new(format!("{}: {error}", folder.display()));
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unread)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unread)?;
        let wanted = runtime != Runtime::Containerd || entry.path().is_dir();
        if wanted {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn write_all(folder: &Path, files: &[NodeFile]) -> Result<(), Failure> {
    for file in files {
        let path = folder.join(&file.path);
        write(&path, &file.contents)
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
        say(&path.display().to_string())?;
    }
    Ok(())
}

/// A node never reads half a file.
fn write(path: &Path, contents: &str) -> io::Result<()> {
    fs::create_dir_all(file::folder(path))?;
    file::replace(path, contents)
}

fn printed(root: &Path, files: &[NodeFile]) -> String {
    let each =
        |file: &NodeFile| format!("# {}\n{}\n", root.join(&file.path).display(), file.contents);
    files.iter().map(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_output_is_no_folder() {
        assert!(folder("").unwrap_err().contains("this one is ."));
        assert_eq!(folder(".").unwrap(), Path::new("."));
    }

    #[test]
    fn a_registry_with_a_port_needs_a_path() {
        assert!(
            registry("registry.corp:5000")
                .unwrap_err()
                .to_string()
                .contains("HOST=PATH")
        );
        let (host, path) = registry("registry.corp:5000=corp").unwrap();
        assert_eq!(
            (host.as_str(), path.as_str()),
            ("registry.corp:5000", "corp")
        );
        assert_eq!(registry("index.docker.io").unwrap().1, "docker.io");
    }
}
