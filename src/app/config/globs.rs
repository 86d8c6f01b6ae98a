//! Globs over repositories, held against the upstreams that there are.

use std::collections::BTreeSet;

use super::section::Section;
use crate::oci::{RegistryHost, RepositoryGlobs};

/// Globs whose host is no upstream's match nothing.
pub(super) fn warn_of_unmatched(
    section: &Section<'_, '_>,
    key: &str,
    globs: &RepositoryGlobs,
    upstreams: &BTreeSet<RegistryHost>,
) {
    for glob in globs.written() {
        let Some(host) = literal_host(glob) else {
            continue;
        };
        if upstreams.iter().all(|known| known.as_str() != host) {
            let text = format!("{glob:?} matches nothing: {host} is the name of no upstream");
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
        }
    }
}

/// The host that a glob begins with, where it is spelled out.
fn literal_host(glob: &str) -> Option<&str> {
    let first = glob.split('/').next().unwrap_or_default();
    (!first.contains(['*', '?', '[', '{'])).then_some(first)
}
