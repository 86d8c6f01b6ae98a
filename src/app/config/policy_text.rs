//! A policy from text alone, for replays: reads its policy sections and opens no file
//! that it names.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;

use super::diagnostics::{Diagnostics, Problem, Problems};
use super::policy_folders::{self, PolicyFolders};
use super::section::Section;
use super::vulnerability_policy::{VulnerabilityPolicyFiles, VulnerabilityPolicyTexts};
use super::{policy, upstreams};
use crate::app::bounded;
use crate::trust::{EnvironmentName, Rules};

/// Reads the sections of policy of a configuration file's text: environments,
/// exposures, and what upstreams vouch for; and beside them the exceptions and
/// advisories of `texts`.
///
/// # Errors
/// [`Problems`] of those sections.
pub fn rules_of(
    text: &str,
    texts: &VulnerabilityPolicyTexts,
    now: Timestamp,
) -> Result<Rules, Problems> {
    let diagnostics = Diagnostics::new(None, text);
    let read = Section::root(&diagnostics).map(|mut root| read(&mut root, now));
    diagnostics.finish()?;
    let Some((rules, places)) = read else {
        return Ok(Rules::default());
    };
    let vulnerability_policy = VulnerabilityPolicyFiles::read(texts, &places, now)?;
    Ok(Rules {
        exceptions: vulnerability_policy.exceptions().cloned().collect(),
        advisories: vulnerability_policy.advisories().cloned().collect(),
        ..rules
    })
}

fn read(root: &mut Section<'_, '_>, now: Timestamp) -> (Rules, PolicyFolders) {
    let environments = policy::environment_sections(root);
    let names: BTreeSet<EnvironmentName> =
        environments.iter().map(|(name, _)| name.clone()).collect();
    let (hosts, vouchings) = upstreams::for_policy(root, &names, now);
    let rules = Rules {
        environments: policy::environments(environments, &hosts),
        exposures: policy::exposures(root, &hosts),
        vouchings,
        ..Rules::default()
    };
    (rules, policy_folders::policy_folders(root, hosts))
}

/// The texts in the folders of exceptions and advisories that the configuration
/// `text` of `file` names.
///
/// # Errors
/// [`Problems`] where a folder cannot be read.
pub fn vulnerability_policy_texts(
    file: &Path,
    text: &str,
) -> Result<VulnerabilityPolicyTexts, Problems> {
    folders_of(file, text)?.map_or_else(
        || Ok(VulnerabilityPolicyTexts::default()),
        |places| VulnerabilityPolicyTexts::of(&places),
    )
}

/// Reads `text` as a file among the exceptions of the configuration `file`; without one,
/// whose `exception_horizon` is not known, an exception may end at any time.
///
/// # Errors
/// [`Problems`] of the text; or of the file, where that cannot be read.
pub fn check_exception(file: Option<&Path>, text: String, now: Timestamp) -> Result<(), Problems> {
    let places = match file {
        None => PolicyFolders::unknown(),
        Some(file) => {
            let text = bounded::text(file).map_err(|error| Problem::of_file(file, error))?;
            folders_of(file, &text)?.unwrap_or_else(PolicyFolders::unknown)
        }
    };
    let texts = VulnerabilityPolicyTexts {
        exceptions: Some(vec![("draft.toml".to_owned(), text)]),
        advisories: None,
    };
    VulnerabilityPolicyFiles::read(&texts, &places, now).map(|_| ())
}

fn folders_of(file: &Path, text: &str) -> Result<Option<PolicyFolders>, Problems> {
    let diagnostics = Diagnostics::new(Some(file), text);
    let places = Section::root(&diagnostics)
        .map(|mut root| policy_folders::policy_folders(&mut root, BTreeSet::new()));
    diagnostics.finish()?;
    Ok(places)
}
