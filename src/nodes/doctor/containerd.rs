//! containerd's `certs.d`: which directory answers for a registry, and what it says.
//!
//! Of several roots the first one with a directory for the registry counts, and
//! `_default` is one for every registry: so nothing behind the first `_default` is
//! ever read. A directory that exists is taken, whatever is in it.

use super::expected::ExpectedNode;
use super::finding::{OnNode, on_node};
use super::hosts_file::flaws;
use super::hosts_flaw::{HostsFlaw, absent};
use crate::diagnosis::{Diagnosis, Gravity};
use crate::nodes::{GatewayUrl, Runtime};

const DEFAULT_DIRECTORY: &str = "_default";

/// One directory below `config_path`.
#[derive(Clone, Debug)]
pub struct HostsDirectory {
    pub name: String,
    /// What its `hosts.toml` holds; none where there is no such file.
    pub hosts_toml: Option<String>,
    /// Files that it names and that are not there.
    pub missing: Vec<String>,
}

/// One element of `config_path`.
#[derive(Clone, Debug)]
pub struct HostsRoot {
    pub path: String,
    pub directories: Vec<HostsDirectory>,
}

impl HostsRoot {
    pub fn default_directory(&self) -> Option<&HostsDirectory> {
        self.directories.iter().find(|found| found.is_default())
    }

    fn path_of(&self, directory: &HostsDirectory) -> String {
        format!("{}/{}", self.path.trim_end_matches('/'), directory.name)
    }
}

impl HostsDirectory {
    pub fn is_default(&self) -> bool {
        self.name == DEFAULT_DIRECTORY
    }

    /// The registry that it is for; `host_port_` is read as `host:port`, and so is a bare
    /// IPv6 address, whose end containerd takes for a port.
    pub fn registry(&self) -> String {
        let bare = self.name.strip_suffix('_');
        let is_end = |port: &str| {
            let address = port.strip_suffix(']');
            let digits = |byte: u8| byte.is_ascii_digit();
            address.map_or(port.bytes().all(digits), |end| !end.contains(']'))
        };
        match bare.and_then(|bare| bare.rsplit_once('_')) {
            Some((host, port)) if is_end(port) => {
                format!("{host}:{port}")
            }
            Some(_) | None => self.name.clone(),
        }
    }
}

/// The directories that containerd can look into, with their roots, `_default` last.
pub fn in_effect(roots: &[HostsRoot]) -> Vec<(&HostsRoot, &HostsDirectory)> {
    let mut seen: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for root in roots {
        for directory in &root.directories {
            if !seen.contains(&directory.name.as_str()) {
                seen.push(&directory.name);
                found.push((root, directory));
            }
        }
        if seen.contains(&DEFAULT_DIRECTORY) {
            break;
        }
    }
    found.sort_by_key(|(_, directory)| directory.is_default());
    found
}

/// The gateway that `_default` names, for callers without a gateway argument.
pub fn named_gateway(roots: &[HostsRoot]) -> Option<GatewayUrl> {
    let text = in_effect(roots)
        .last()
        .filter(|(_, directory)| directory.is_default())?
        .1
        .hosts_toml
        .as_ref()?;
    let file: toml::Table = text.parse().ok()?;
    GatewayUrl::parse(file.get("server")?.as_str()?).ok()
}

/// What is open below `roots`, for a runtime that reads them as containerd does.
pub fn judge_containerd(
    runtime: Runtime,
    roots: &[HostsRoot],
    expected: &ExpectedNode,
) -> Vec<Diagnosis<OnNode>> {
    let directories = in_effect(roots);
    let mut found = Vec::new();
    let has_default = directories
        .iter()
        .any(|(_, directory)| directory.is_default());
    if let (false, Some(root)) = (has_default, roots.first()) {
        found.push(no_default(runtime, root));
    }
    for (root, directory) in directories {
        let registry = directory.registry();
        let is_own = directory.hosts_toml.is_none() && expected.is_at_gateway(&registry);
        if !expected.is_direct(&registry) && !is_own {
            found.extend(judge_directory(runtime, root, directory, expected));
        }
    }
    found
}

fn no_default(runtime: Runtime, root: &HostsRoot) -> Diagnosis<OnNode> {
    on_node(
        runtime,
        Gravity::Wrong,
        &root.path,
        "there is no directory _default",
    )
    .why("a registry without a directory of its own is asked directly")
    .next("run `sekisho node-config` with this directory as --output")
}

fn judge_directory(
    runtime: Runtime,
    root: &HostsRoot,
    directory: &HostsDirectory,
    expected: &ExpectedNode,
) -> Vec<Diagnosis<OnNode>> {
    let path = root.path_of(directory);
    match &directory.hosts_toml {
        None => vec![shadow(runtime, &path, directory)],
        Some(text) => {
            let place = format!("{path}/hosts.toml");
            let missing = directory.missing.iter().map(|file| absent(file));
            let all = flaws(text, expected).into_iter().chain(missing);
            all.map(|flaw| of_flaw(runtime, &place, flaw)).collect()
        }
    }
}

fn shadow(runtime: Runtime, path: &str, directory: &HostsDirectory) -> Diagnosis<OnNode> {
    on_node(
        runtime,
        Gravity::Wrong,
        path,
        "the directory has no hosts.toml",
    )
    .why(match directory.name.as_str() {
        DEFAULT_DIRECTORY => "it says nothing, so every registry is asked directly".to_owned(),
        _ => format!(
            "it exists, so containerd never looks at _default for {} and asks it directly",
            directory.registry()
        ),
    })
    .next("remove the directory, or let `sekisho node-config` write into it")
}

fn of_flaw(runtime: Runtime, path: &str, flaw: HostsFlaw) -> Diagnosis<OnNode> {
    let gravity = match flaw.open {
        true => Gravity::Wrong,
        false => Gravity::Note,
    };
    on_node(runtime, gravity, path, flaw.what)
        .why(flaw.why)
        .next(flaw.next_step)
}
