//! The exposure of pulls, by environment.

use std::collections::BTreeMap;

use super::{Components, environment_listener};
use crate::trust::{EnvironmentName, Exposure};

/// As its listeners have it.
pub(super) fn exposures_of_pulls(parts: &Components) -> BTreeMap<EnvironmentName, Exposure> {
    let rulebook = parts.gate.rulebook();
    let environments = rulebook.environments();
    environments
        .map(|environment| {
            let name = &environment.name;
            let listener = environment_listener::listener(&parts.config, name);
            (name.clone(), listener.exposure)
        })
        .collect()
}
