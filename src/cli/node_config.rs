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
use super::output::say;
use crate::app::config::{Config, ListenerConfig, TlsConfig};
use crate::kubernetes::names::SECRET_NAME;
use crate::nodes::{self, GatewayUrl, NodeFile, NodeGateway, Runtime};
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

Examples:
  sekisho node-config containerd --gateway https://gateway.corp:5080 --ca /etc/ssl/corp.pem --output /etc/containerd/certs.d
  sekisho node-config containerd --gateway https://gateway.corp:5080 --config sekisho.toml
  sekisho node-config crio --gateway https://gateway.corp:5080 --registry docker.io --registry quay.io
  sekisho node-config podman --gateway https://gateway.corp:5080 --registry registry.corp:5000=corp --direct registry.corp"
)]
pub struct NodeConfig {
    /// containerd, crio, docker or podman
    #[arg(value_name = "RUNTIME", value_parser = runtime())]
    runtime: Runtime,
    /// The gateway as nodes reach it
    #[arg(long, value_name = "URL", value_parser = gateway_url)]
    gateway: GatewayUrl,
    /// A registry to pull through it, with its path there if that differs; may be
    /// repeated. By default the upstreams of the configuration
    #[arg(long, value_name = "HOST[=PATH]")]
    registry: Vec<String>,
    /// A registry that is left direct, as for Sekisho's own image; may be repeated
    #[arg(long, value_name = "HOST")]
    direct: Vec<RegistryHost>,
    /// The authority of the gateway's certificate: its path on the node. By default
    /// the gateway's own, where the configuration has tls = "auto"
    #[arg(long, value_name = "FILE")]
    ca: Option<String>,
    /// Write below this directory; by default all is printed
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
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
        let bundle = self.own_bundle(shared)?;
        let gateway = NodeGateway {
            url: self.gateway.clone(),
            registries: self.registries(shared)?,
            direct: self.direct.clone(),
            ca: self
                .ca
                .clone()
                .or(bundle.as_ref().and_then(|_| self.ca_on_node())),
        };
        let existing = match &self.output {
            Some(folder) => existing(folder, self.runtime)?,
            None => Vec::new(),
        };
        let mut files = nodes::plan(self.runtime, &gateway, &existing)
            .map_err(|error| Failure::new(error.to_string()))?;
        // First, so that no mirror file names a CA that is not there.
        if let Some(contents) = bundle {
            let path = self.runtime.ca_file(&self.gateway);
            files.insert(0, NodeFile { path, contents });
        }
        match &self.output {
            Some(folder) => write_all(folder, &files)?,
            None => self.print(&files)?,
        }
        Ok(Exit::Done)
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

    /// The bundle of the gateway's own authority, where its certificate comes from
    /// there and no other CA is named.
    fn own_bundle(&self, shared: &SharedArgs) -> Result<Option<String>, Failure> {
        if self.ca.is_some() || self.gateway.is_plain() {
            return Ok(None);
        }
        match shared.read() {
            Ok(config) if shows_own(&config, self.gateway.port()) => {
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

    /// Where the bundle will lie, for runtimes whose files name it.
    fn ca_on_node(&self) -> Option<String> {
        let path = Path::new(self.runtime.root()).join(self.runtime.ca_file(&self.gateway));
        let names = self.runtime.names_ca();
        names.then(|| path.display().to_string())
    }

    /// Those named, else the configuration's upstreams.
    fn registries(&self, shared: &SharedArgs) -> Result<Vec<(RegistryHost, String)>, Failure> {
        if !self.registry.is_empty() {
            return self.registry.iter().map(|text| registry(text)).collect();
        }
        let upstreams = shared.load()?.upstreams;
        let pair = |upstream: crate::app::config::UpstreamConfig| (upstream.name, upstream.path);
        Ok(upstreams.into_iter().map(pair).collect())
    }
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
