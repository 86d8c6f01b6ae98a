//! A policy from text alone, to be tried: only its sections of policy are read,
//! and no file that it names.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;

use super::notebook::{Notebook, Problems};
use super::notice_places::{self, Places};
use super::notices::{NoticeTexts, Notices};
use super::section::Section;
use super::{policy, upstreams};
use crate::trust::{EnvironmentName, Rules};

/// Reads the sections of policy of a configuration file's text: environments,
/// exposures, and what upstreams vouch for; and beside them the exceptions and
/// advisories of `texts`.
pub fn rules_of(text: &str, texts: &NoticeTexts, now: Timestamp) -> Result<Rules, Problems> {
    let notebook = Notebook::new(None, text);
    let read = Section::root(&notebook).map(|mut root| read(&mut root, now));
    notebook.close()?;
    let Some((rules, places)) = read else {
        return Ok(Rules::default());
    };
    let notices = Notices::read(texts, &places, now)?;
    Ok(Rules {
        exceptions: notices.exceptions().cloned().collect(),
        advisories: notices.advisories().cloned().collect(),
        ..rules
    })
}

fn read(root: &mut Section<'_, '_>, now: Timestamp) -> (Rules, Places) {
    let environments = policy::environment_sections(root);
    let names: BTreeSet<EnvironmentName> =
        environments.iter().map(|(name, _)| name.clone()).collect();
    let (hosts, vouchings) = upstreams::for_policy(root, &names, now);
    let rules = Rules {
        environments: environments
            .into_iter()
            .map(|(name, section)| policy::environment(name, section, &hosts))
            .collect(),
        exposures: policy::exposures(root, &hosts),
        vouchings,
        ..Rules::default()
    };
    (rules, notice_places::places(root, hosts))
}

/// The texts in the folders of exceptions and advisories that the configuration
/// `text` of `file` names.
pub fn notice_texts(file: &Path, text: &str) -> Result<NoticeTexts, Problems> {
    let notebook = Notebook::new(Some(file), text);
    let places =
        Section::root(&notebook).map(|mut root| notice_places::places(&mut root, BTreeSet::new()));
    notebook.close()?;
    places.map_or_else(
        || Ok(NoticeTexts::default()),
        |places| NoticeTexts::of(&places),
    )
}
