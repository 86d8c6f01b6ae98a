//! A policy from text alone, to be tried: only its sections of policy are read,
//! and no file that it names.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::notebook::{Notebook, Problems};
use super::section::Section;
use super::{policy, upstreams};
use crate::trust::{EnvironmentName, Rules};

/// Reads the sections of policy of a configuration file's text: environments,
/// exposures, and what upstreams vouch for. Exceptions and advisories lie in other
/// files, and are left empty.
pub fn rules_of(text: &str, now: Timestamp) -> Result<Rules, Problems> {
    let notebook = Notebook::new(None, text);
    let rules = Section::root(&notebook).map(|mut root| read(&mut root, now));
    notebook.close().map(|_| rules.unwrap_or_default())
}

fn read(root: &mut Section<'_, '_>, now: Timestamp) -> Rules {
    let environments = policy::environment_sections(root);
    let names: BTreeSet<EnvironmentName> =
        environments.iter().map(|(name, _)| name.clone()).collect();
    let (hosts, vouchings) = upstreams::for_policy(root, &names, now);
    Rules {
        environments: environments
            .into_iter()
            .map(|(name, section)| policy::environment(name, section, &hosts))
            .collect(),
        exposures: policy::exposures(root, &hosts),
        vouchings,
        ..Rules::default()
    }
}
