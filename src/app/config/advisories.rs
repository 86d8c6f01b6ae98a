//! `[[advisory]]`: entries of the security department.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::entry_words::statement;
use super::exceptions::{ids, is_word, link, packages, warn_of_end};
use super::folder::EntryFolder;
use super::moment;
use super::policy_folders::ReadContext;
use super::section::Section;
use crate::oci::Digest;
use crate::report::Severity;
use crate::trust::{Advisory, Effect};

const ID_HINT: &str = "write id = \"SEC-2026-014\"";
const REASON_HINT: &str = "write reason = \"…\", for whoever asks later";
const SUBJECT_KEYS: [&str; 3] = ["vulnerabilities", "packages", "digests"];

/// The value of `effect`; the severity has a key of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EffectKey {
    Block,
    Raise,
    Lower,
}

/// Reads a file. `others`: the other files, whose ids are taken.
pub(super) fn advisories(
    root: &mut Section<'_, '_>,
    others: &EntryFolder<Advisory>,
    context: ReadContext<'_>,
) -> Vec<Advisory> {
    let others = others.entries_by_file();
    let mut taken: BTreeMap<String, String> = others
        .map(|(file, advisory)| (advisory.id.clone(), format!("stands in {file} too")))
        .collect();
    let sections = root.entries("advisory").unwrap_or_default();
    sections
        .into_iter()
        .filter_map(|section| advisory(section, &mut taken, context))
        .collect()
}

fn advisory(
    mut section: Section<'_, '_>,
    taken: &mut BTreeMap<String, String>,
    context: ReadContext<'_>,
) -> Option<Advisory> {
    let id = id(&mut section, taken);
    let vulnerabilities = ids(&mut section).unwrap_or_default();
    let packages = packages(&mut section).unwrap_or_default();
    let digests = digests(&mut section);
    note_subject(&section);
    note_own_id(&section, id.as_deref(), &vulnerabilities);
    let expires = moment::optional_end(&mut section, "expires", context.now, "it says nothing");
    let effect = effect(&mut section);
    let reason = statement(&mut section, "reason", REASON_HINT);
    let link = link(&mut section);
    let advisory = || {
        Some(Advisory {
            id: id?,
            vulnerabilities,
            packages,
            digests,
            effect: effect?,
            reason: reason?,
            link: link?,
            expires,
        })
    };
    let advisory = advisory();
    let soon = advisory.as_ref().and_then(Advisory::ends_soon_from);
    if let Some((soon, end)) = soon.zip(expires) {
        warn_of_end(&section, soon, end, context.now);
    }
    section.finish();
    advisory
}

fn id(section: &mut Section<'_, '_>, taken: &mut BTreeMap<String, String>) -> Option<String> {
    let id: String = section.required("id", ID_HINT)?;
    if !is_word(&id) {
        section.problem("id", format_args!("{id:?} is no id; {ID_HINT}"));
    }
    if let Some(place) = taken.get(&id) {
        section.problem("id", format_args!("{id} {place}; ids are used once"));
    }
    taken.insert(id.clone(), "stands twice".to_owned());
    Some(id)
}

/// No scanner writes what the security department calls an advisory.
fn note_own_id(section: &Section<'_, '_>, id: Option<&str>, vulnerabilities: &[String]) {
    let own = vulnerabilities.iter().find(|it| id == Some(it.as_str()));
    if let Some(own) = own.filter(|it| it.starts_with("SEC-")) {
        let text = format!("{own} is this advisory's own id; write the vulnerability's");
        section.problem("vulnerabilities", text);
    }
}

fn digests(section: &mut Section<'_, '_>) -> Vec<Digest> {
    let digests = section.list("digests");
    if digests.as_ref().is_some_and(Vec::is_empty) {
        let text = "names nothing; write digests = [\"sha256:…\"]";
        section.problem("digests", text);
    }
    digests.unwrap_or_default()
}

fn note_subject(section: &Section<'_, '_>) {
    let mut written = SUBJECT_KEYS.iter().filter(|key| section.has(key));
    match (written.next(), written.next()) {
        (Some(_), None) => {}
        (None, _) => {
            let text = "is missing; write vulnerabilities, packages or digests";
            section.problem("vulnerabilities", text);
        }
        (Some(one), Some(other)) => {
            let text = format!("does not go with {one}; write two advisories");
            section.problem(other, text);
        }
    }
}

fn effect(section: &mut Section<'_, '_>) -> Option<Effect> {
    let word: Option<EffectKey> = section.required("effect", "write block, raise or lower");
    let severity: Option<Severity> = section.read("severity");
    let has_severity = section.has("severity");
    match word? {
        EffectKey::Block if has_severity => {
            let text = "does not go with block, which serves nothing; leave it out";
            section.problem("severity", text);
            None
        }
        EffectKey::Block => Some(Effect::Block),
        EffectKey::Raise => severity_of(section, severity, "at least").map(Effect::Raise),
        EffectKey::Lower => {
            note_endless(section);
            severity_of(section, severity, "at most").map(Effect::Lower)
        }
    }
}

/// What counts as more or less severe is a finding, never a digest.
fn severity_of(
    section: &Section<'_, '_>,
    severity: Option<Severity>,
    bound: &str,
) -> Option<Severity> {
    if section.has("digests") {
        let text = "can be blocked alone; name vulnerabilities or packages";
        section.problem("digests", text);
    }
    if !section.has("severity") {
        let text = format!("is missing; write how severe it is {bound}: severity = \"high\"");
        section.problem("severity", text);
    }
    severity
}

/// What lowers a severity must have an end.
fn note_endless(section: &Section<'_, '_>) {
    if !section.has("expires") {
        let text = "is missing: what lowers has an end; write the last day, as in 2027-03-31";
        section.problem("expires", text);
    }
}
