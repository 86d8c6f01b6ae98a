//! Globs over repositories, held against what repositories can be called and the
//! upstreams that there are.

use std::collections::BTreeSet;

use super::section::Section;
use crate::oci::{RegistryHost, RepositoryGlobs, covers, never_matches};

/// Globs that match nothing by their form, and those whose host is no upstream's.
pub(super) fn warn_of_unmatched(
    section: &Section<'_, '_>,
    key: &str,
    globs: &RepositoryGlobs,
    upstreams: &BTreeSet<RegistryHost>,
) {
    for told in unmatched(globs) {
        section.warning(key, told);
    }
    warn_of_other_hosts(section, key, globs, upstreams);
}

/// The same, where what matches nothing by its form is a mistake.
pub(super) fn note_unmatched(
    section: &Section<'_, '_>,
    key: &str,
    globs: &RepositoryGlobs,
    upstreams: &BTreeSet<RegistryHost>,
) {
    for told in unmatched(globs) {
        section.problem(key, told);
    }
    warn_of_other_hosts(section, key, globs, upstreams);
}

/// What is to be said of each glob that matches nothing by its form.
fn unmatched(globs: &RepositoryGlobs) -> impl Iterator<Item = String> {
    globs.written().iter().filter_map(|glob| {
        let why = never_matches(glob)?;
        Some(format!("{glob:?} matches nothing: it {why}"))
    })
}

fn warn_of_other_hosts(
    section: &Section<'_, '_>,
    key: &str,
    globs: &RepositoryGlobs,
    upstreams: &BTreeSet<RegistryHost>,
) {
    let well_formed = globs
        .written()
        .iter()
        .filter(|it| never_matches(it).is_none());
    for glob in well_formed.filter(|it| is_plainly_unmatched(it, upstreams)) {
        let host = literal_host(glob).unwrap_or_default();
        let text = format!("{glob:?} matches nothing: {host} is the name of no upstream");
        section.warning(key, text);
    }
}

/// Warns of globs of a rule that an earlier rule, by its place in `path`, leaves nothing
/// to: the first that matches decides.
pub(super) fn warn_of_shadowed(
    section: &Section<'_, '_>,
    key: &str,
    globs: &[String],
    path: &str,
    earlier: &[Vec<String>],
) {
    for glob in globs {
        let covering = earlier.iter().enumerate().find_map(|(at, rule)| {
            let by = rule.iter().find(|it| covers(it, glob))?;
            Some((at, by))
        });
        if let Some((at, by)) = covering {
            let text = format!(
                "{glob:?} is never reached here: {path}[{at}] matches all of it first, by {by:?}; \
                 put the narrower one before"
            );
            section.warning(key, text);
        }
    }
}

/// A glob that names another host than an upstream's own can match nothing there.
pub(super) fn note_other_host(
    section: &Section<'_, '_>,
    name: &RegistryHost,
    globs: &RepositoryGlobs,
) {
    for glob in globs.written() {
        if literal_host(glob).is_some_and(|host| host != name.as_str()) {
            let text = format!("{glob:?} matches nothing here; begin it with {name}/");
            section.problem("repositories", text);
        } else if let Some(why) = never_matches(glob) {
            section.problem(
                "repositories",
                format_args!("{glob:?} matches nothing: it {why}"),
            );
        }
    }
}

/// Whether [`warn_of_unmatched`] says something of it.
pub(super) fn is_plainly_unmatched(glob: &str, upstreams: &BTreeSet<RegistryHost>) -> bool {
    let is_other = |host: &str| upstreams.iter().all(|known| known.as_str() != host);
    never_matches(glob).is_some() || literal_host(glob).is_some_and(is_other)
}

/// The host that a glob begins with, where it is spelled out.
fn literal_host(glob: &str) -> Option<&str> {
    let first = glob.split('/').next().unwrap_or_default();
    (!first.contains(['*', '?', '[', '{'])).then_some(first)
}
