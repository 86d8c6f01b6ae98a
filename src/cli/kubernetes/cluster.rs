//! Which of the configured clusters is meant.

use crate::app::config::{ClusterConfig, Config};
use crate::cli::failure::Failure;

/// The one of that name; without a name, the only one there is.
pub(super) fn named<'c>(
    config: &'c Config,
    name: Option<&str>,
) -> Result<&'c ClusterConfig, Failure> {
    let clusters = &config.clusters;
    let names: Vec<&str> = clusters
        .iter()
        .map(|cluster| cluster.name.as_str())
        .collect();
    let one_of = || format!("name one of: {}", names.join(", "));
    match (name, clusters.as_slice()) {
        (_, []) => Err(Failure::bad_config("sekisho: no cluster is configured")
            .next("write [[clusters]] with name and gateway, and name the file: --config FILE")),
        (None, [only]) => Ok(only),
        (None, _) => Err(Failure::usage("--cluster is missing").next(one_of())),
        (Some(name), _) => clusters
            .iter()
            .find(|cluster| cluster.name == name)
            .ok_or_else(|| {
                Failure::usage(format!("--cluster {name} is not configured")).next(one_of())
            }),
    }
}
