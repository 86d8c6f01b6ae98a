//! containerd's own configuration: where it looks for mirror files at all.

use toml::{Table, Value};

use super::finding::{OnNode, on_node};
use super::nri::NriSettings;
use crate::diagnosis::{Diagnosis, Gravity};
use crate::nodes::Runtime;

/// The registry sections of containerd's image service: version 3, 2 and 1 of the file.
const REGISTRY_SECTIONS: [&[&str]; 3] = [
    &["plugins", "io.containerd.cri.v1.images", "registry"],
    &["plugins", "io.containerd.grpc.v1.cri", "registry"],
    &["plugins", "cri", "registry"],
];

/// Those that a file of this version is read in, as containerd 1.6, 1.7 and 2.4 were seen
/// to. What stands in another section is passed over in silence.
fn sections_read(version: i64) -> &'static [&'static [&'static str]] {
    match version {
        ..=1 => &REGISTRY_SECTIONS[2..],
        2 => &REGISTRY_SECTIONS[1..2],
        3.. => &REGISTRY_SECTIONS[..2],
    }
}

/// What of `config.toml` decides where pulls go, and whether an agent is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerdSettings {
    /// The roots that are looked into, in order.
    pub config_path: Vec<String>,
    /// The daemon's socket, where the file names one.
    pub address: Option<String>,
    /// Whether `registry.mirrors` is used, which always falls back to the registry.
    pub has_old_mirrors: bool,
    /// Other files that belong to it; followed in what `containerd config dump` prints,
    /// not in the file itself.
    pub imports: bool,
    pub nri: NriSettings,
}

/// The file is no TOML, so containerd does not start with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no TOML: {0}")]
pub struct SettingsError(String);

/// Reads `config.toml`, or what `containerd config dump` printed.
///
/// # Errors
/// [`SettingsError`] where it is no TOML, or of a version that is not known.
pub fn read_settings(text: &str) -> Result<ContainerdSettings, SettingsError> {
    let file: Table = text
        .parse()
        .map_err(|error: toml::de::Error| SettingsError(error.message().to_owned()))?;
    let sections = |all: &[&[&str]]| -> Vec<&Table> {
        let found = all.iter().filter_map(|at| section(&file, at));
        found.collect()
    };
    let version = file.get("version").and_then(Value::as_integer);
    // The first that has the key counts, also where it is empty there.
    let read = sections(sections_read(version.unwrap_or_default()));
    let config_path = read.iter().find_map(|table| table.get("config_path"));
    Ok(ContainerdSettings {
        config_path: config_path.map(roots).unwrap_or_default(),
        address: section(&file, &["grpc"])
            .and_then(|grpc| grpc.get("address")?.as_str())
            .filter(|address| !address.is_empty())
            .map(str::to_owned),
        has_old_mirrors: sections(&REGISTRY_SECTIONS).into_iter().any(has_mirrors),
        imports: file
            .get("imports")
            .and_then(Value::as_array)
            .is_some_and(|all| !all.is_empty()),
        nri: NriSettings::of_containerd(&file),
    })
}

fn section<'a>(file: &'a Table, path: &[&str]) -> Option<&'a Table> {
    path.iter()
        .try_fold(file, |table, name| table.get(*name)?.as_table())
}

fn roots(config_path: &Value) -> Vec<String> {
    let text = config_path.as_str().unwrap_or_default();
    let roots = text.split(':').filter(|root| !root.is_empty());
    roots.map(str::to_owned).collect()
}

fn has_mirrors(registry: &Table) -> bool {
    let mirrors = registry.get("mirrors").and_then(Value::as_table);
    mirrors.is_some_and(|mirrors| !mirrors.is_empty())
}

impl ContainerdSettings {
    /// What is wrong with the configuration in the file at `path`.
    pub fn findings(&self, path: &str) -> Vec<Diagnosis<OnNode>> {
        let finding = |gravity, what: &str| on_node(Runtime::Containerd, gravity, path, what);
        let mut found = Vec::new();
        if self.config_path.is_empty() {
            found.push(
                finding(Gravity::Wrong, "it sets no config_path for the registry")
                    .why("the kubelet's pulls look into no certs.d and go to every registry directly")
                    .next(
                        "set config_path = \"/etc/containerd/certs.d\" in the registry section of \
                         the CRI plugin, and restart containerd",
                    ),
            );
        }
        if self.has_old_mirrors {
            found.push(
                finding(Gravity::Wrong, "it sets registry.mirrors")
                    .why("these always fall back to the registry itself; no key closes that")
                    .next("remove registry.mirrors and set config_path"),
            );
        }
        found
    }
}
