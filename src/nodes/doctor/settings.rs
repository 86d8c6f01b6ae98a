//! containerd's own configuration: where it looks for mirror files at all.

use toml::{Table, Value};

use super::finding::{OnNode, on_node};
use crate::diagnosis::{Diagnosis, Gravity};
use crate::nodes::Runtime;

/// The registry sections of containerd's image service: version 3, 2 and 1 of the file.
const REGISTRY_SECTIONS: [&[&str]; 3] = [
    &["plugins", "io.containerd.cri.v1.images", "registry"],
    &["plugins", "io.containerd.grpc.v1.cri", "registry"],
    &["plugins", "cri", "registry"],
];

/// What of `config.toml` decides where pulls go.
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
    let sections: Vec<&Table> = REGISTRY_SECTIONS
        .iter()
        .filter_map(|at| section(&file, at))
        .collect();
    Ok(ContainerdSettings {
        config_path: sections
            .iter()
            .find_map(|table| roots(table))
            .unwrap_or_default(),
        address: section(&file, &["grpc"])
            .and_then(|grpc| grpc.get("address")?.as_str())
            .filter(|address| !address.is_empty())
            .map(str::to_owned),
        has_old_mirrors: sections.iter().any(|table| has_mirrors(table)),
        imports: file
            .get("imports")
            .and_then(Value::as_array)
            .is_some_and(|all| !all.is_empty()),
    })
}

fn section<'a>(file: &'a Table, path: &[&str]) -> Option<&'a Table> {
    path.iter()
        .try_fold(file, |table, name| table.get(*name)?.as_table())
}

fn roots(registry: &Table) -> Option<Vec<String>> {
    let text = registry.get("config_path")?.as_str()?;
    let roots: Vec<String> = text
        .split(':')
        .filter(|root| !root.is_empty())
        .map(str::to_owned)
        .collect();
    (!roots.is_empty()).then_some(roots)
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
