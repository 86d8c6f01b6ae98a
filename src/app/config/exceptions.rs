//! `[[exception]]`: accepted risks with an end.

use std::iter;

use jiff::Timestamp;
use serde::Deserialize;

use super::entry_words::{may_be_a_package, no_package, statement};
use super::globs::note_unmatched;
use super::moment;
use super::policy_folders::ReadContext;
use super::section::Section;
use super::urls::web_address;
use crate::oci::RepositoryGlobs;
use crate::report::no_vulnerability;
use crate::trust::{Exception, PackagePattern, is_placeholder, told_end};

const VULNERABILITIES_HINT: &str = "write vulnerabilities = [\"CVE-2026-1234\"]";
const REASON_HINT: &str = "write reason = \"…\", for whoever asks later";
const LINK_HINT: &str = "write the address of the issue in which it was decided";
/// The same with its form.
const LINK_FORM: &str = "write the address of the issue in which it was decided, as in https://…";
const OWNER_HINT: &str = "write the team that answers for it";

/// What can be accepted besides vulnerabilities.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Accepted {
    EndOfLife,
}

/// Reads the file of that name.
pub(super) fn exceptions(
    root: &mut Section<'_, '_>,
    name: &str,
    context: ReadContext<'_>,
) -> Vec<Exception> {
    let sections = root.entries("exception").unwrap_or_default();
    let numbered = iter::zip(1.., sections);
    numbered
        .filter_map(|(number, section)| exception(section, format!("{name}#{number}"), context))
        .collect()
}

fn exception(
    mut section: Section<'_, '_>,
    id: String,
    context: ReadContext<'_>,
) -> Option<Exception> {
    let vulnerabilities = ids(&mut section);
    let accepts: Option<Vec<Accepted>> = section.list("accept");
    note_subject(&section);
    let images = images(&mut section, context);
    let packages = packages(&mut section);
    note_pointless_packages(&section);
    let reason = statement(&mut section, "reason", REASON_HINT);
    let link = link(&mut section);
    let owner = statement(&mut section, "owner", OWNER_HINT);
    let expires = moment::end(&mut section, "expires", context.now, "nothing is accepted");
    note_horizon(&section, expires, context);
    let exception = || {
        Some(Exception {
            id,
            vulnerabilities: vulnerabilities.unwrap_or_default(),
            accepts_end_of_life: accepts.is_some(),
            images: images?,
            packages: packages.unwrap_or_default(),
            reason: reason?,
            link: link?,
            owner: owner?,
            expires: expires?,
        })
    };
    let exception = exception();
    if let Some(exception) = &exception {
        let soon = exception.ends_soon_from();
        warn_of_end(&section, soon, exception.expires, context.now);
    }
    section.finish();
    exception
}

/// Reads `vulnerabilities`.
pub(super) fn ids(section: &mut Section<'_, '_>) -> Option<Vec<String>> {
    let ids: Vec<String> = section.list("vulnerabilities")?;
    if ids.is_empty() {
        section.problem(
            "vulnerabilities",
            format_args!("names nothing; {VULNERABILITIES_HINT}"),
        );
    }
    for id in ids.iter().filter(|id| !is_word(id)) {
        let text = format!("{id:?} is the id of no vulnerability; {VULNERABILITIES_HINT}");
        section.problem("vulnerabilities", text);
    }
    for id in ids.iter().filter(|id| is_word(id)) {
        if let Some(why) = no_vulnerability(id) {
            section.problem("vulnerabilities", format_args!("{id:?} {why}"));
        } else if may_be_a_package(id) {
            let text = format!("{id:?} is an id of no known kind; packages stand under packages");
            section.warning("vulnerabilities", text);
        }
    }
    Some(ids)
}

/// Something that can be an id: it says something, in one word.
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|character| character.is_ascii_graphic())
}

fn note_subject(section: &Section<'_, '_>) {
    match (section.has("vulnerabilities"), section.has("accept")) {
        (true, true) => {
            let text = "does not go with vulnerabilities; write two exceptions";
            section.problem("accept", text);
        }
        (false, false) => {
            let text = format!("is missing; {VULNERABILITIES_HINT}, or accept = [\"end-of-life\"]");
            section.problem("vulnerabilities", text);
        }
        (true, false) | (false, true) => {}
    }
}

fn images(section: &mut Section<'_, '_>, context: ReadContext<'_>) -> Option<RepositoryGlobs> {
    let hint = "write images = [\"registry.corp/team/**\"]";
    let globs: RepositoryGlobs = section.required("images", hint)?;
    if globs.is_empty() {
        section.problem("images", format_args!("is empty; {hint}"));
    }
    note_unmatched(section, "images", &globs, &context.places.hosts);
    Some(globs)
}

/// Reads `packages`. An empty list would read as any package.
pub(super) fn packages(section: &mut Section<'_, '_>) -> Option<Vec<PackagePattern>> {
    let packages: Option<Vec<PackagePattern>> = section.list("packages");
    if packages.as_ref().is_some_and(Vec::is_empty) {
        let text = "names nothing; write packages = [\"zlib1g\"], or leave it out";
        section.problem("packages", text);
    }
    for package in packages.iter().flatten() {
        if let Some(why) = no_package(&package.to_string()) {
            section.problem("packages", format_args!("\"{package}\" {why}"));
        }
    }
    packages
}

/// The end of life is the operating system's, not a package's.
fn note_pointless_packages(section: &Section<'_, '_>) {
    if section.has("accept") && section.has("packages") {
        section.problem("packages", "does not go with accept; leave it out");
    }
}

/// Reads `link`: where people can read on.
pub(super) fn link(section: &mut Section<'_, '_>) -> Option<String> {
    let link: String = section.required("link", LINK_HINT)?;
    let last = link.rsplit(['/', '=', '#']).next().unwrap_or_default();
    let is_filled_in = !is_placeholder(last) || link.ends_with('/');
    web_address(section, "link", &link, LINK_FORM, |_| {
        is_word(&link) && is_filled_in
    });
    Some(link)
}

fn note_horizon(section: &Section<'_, '_>, expires: Option<Timestamp>, context: ReadContext<'_>) {
    let latest = context.latest_end();
    if expires.is_some_and(|end| end > latest) {
        let horizon = context.places.horizon;
        let text = format!(
            "is over {horizon} away (exception_horizon); the latest is {}, and it can be \
             renewed",
            told_end(latest)
        );
        section.problem("expires", text);
    }
}

/// Warns of an end that comes soon; the reader of the key warns of one that is past.
pub(super) fn warn_of_end(
    section: &Section<'_, '_>,
    soon: Timestamp,
    end: Timestamp,
    now: Timestamp,
) {
    if soon <= now && now < end {
        section.warning(
            "expires",
            format_args!("ends soon: holds until {}", told_end(end)),
        );
    }
}
