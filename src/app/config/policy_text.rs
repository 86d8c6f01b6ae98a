//! A policy from text alone, for replays: reads its policy sections and opens no file
//! that it names. What else a configuration file holds is passed over; a key of none is a
//! mistake here as there, since what it was meant to say would not be judged.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;

use super::diagnostics::{Diagnostics, Problem, Problems};
use super::loading::hosts_of;
use super::policy_folders::{self, PolicyFolders};
use super::proxy::ProxyEnvironment;
use super::section::Section;
use super::vulnerability_policy::{VulnerabilityPolicyFiles, VulnerabilityPolicyTexts};
use super::{policy, upstreams};
use crate::app::bounded;
use crate::trust::{EnvironmentName, Rules};

/// What problems of a policy are told by that was sent as text: it stands in this field.
const SENT_POLICY: &str = "policy";

/// The keys of a configuration file that a replay does not turn on.
const OTHER_KEYS: [&str; 16] = [
    "admin",
    "audit",
    "cache",
    "clusters",
    "console",
    "data_dir",
    "drain",
    "images",
    "ledger",
    "limits",
    "listeners",
    "nodes",
    "notify",
    "ops",
    "telemetry",
    "webhook",
];

/// Reads the sections of policy of a configuration file's text: environments,
/// exposures, and upstreams with what they vouch for; and beside them the exceptions and
/// advisories of `texts`.
///
/// # Errors
/// [`Problems`] of those sections, and keys that no configuration file has.
pub fn rules_of(
    text: &str,
    texts: &VulnerabilityPolicyTexts,
    now: Timestamp,
) -> Result<Rules, Problems> {
    let (rules, places) = read(Path::new(SENT_POLICY), text, now)?;
    let vulnerability_policy = VulnerabilityPolicyFiles::read(texts, &places, now)?;
    Ok(Rules {
        exceptions: vulnerability_policy.exceptions().cloned().collect(),
        advisories: vulnerability_policy.advisories().cloned().collect(),
        ..rules
    })
}

/// The texts in the folders of exceptions and advisories that the policy `text` of `file`
/// names, and what is worth a second look there, such as a folder that is missing.
///
/// # Errors
/// [`Problems`] for which [`rules_of`] would refuse the policy, or a folder cannot be read.
pub fn policy_to_replay(
    file: &Path,
    text: &str,
    now: Timestamp,
) -> Result<(VulnerabilityPolicyTexts, Vec<Problem>), Problems> {
    let (_, places) = read(file, text, now)?;
    let mut files = VulnerabilityPolicyFiles::default();
    files.follow(&places, now);
    let invalid = files.invalid().flat_map(|file| file.problems);
    let problems: Vec<Problem> = invalid.collect();
    if !problems.is_empty() {
        return Err(Problems { problems });
    }
    let texts = VulnerabilityPolicyTexts::of(&places)?;
    Ok((texts, files.warnings().cloned().collect()))
}

fn read(file: &Path, text: &str, now: Timestamp) -> Result<(Rules, PolicyFolders), Problems> {
    let diagnostics = Diagnostics::without_files(Some(file), text);
    let read = Section::root(&diagnostics).map(|root| sections(root, now));
    diagnostics.finish()?;
    Ok(read.unwrap_or_else(|| (Rules::default(), PolicyFolders::unknown())))
}

fn sections(mut root: Section<'_, '_>, now: Timestamp) -> (Rules, PolicyFolders) {
    let environments = policy::environment_sections(&mut root);
    let names: BTreeSet<EnvironmentName> =
        environments.iter().map(|(name, _)| name.clone()).collect();
    // How they are reached is not asked here.
    let proxies = ProxyEnvironment::of(|_| None);
    let (upstreams, vouchings) = upstreams::upstreams(&mut root, &names, &proxies, now);
    let hosts = hosts_of(&upstreams);
    let rules = Rules {
        environments: policy::environments(environments, &hosts),
        exposures: policy::exposures(&mut root, &hosts),
        vouchings,
        ..Rules::default()
    };
    let places = policy_folders::policy_folders(&mut root, hosts);
    for key in OTHER_KEYS {
        root.skip(key);
    }
    root.finish();
    (rules, places)
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
