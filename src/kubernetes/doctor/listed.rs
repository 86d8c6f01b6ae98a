//! Many things in one line.

use crate::oci::readable;

/// What is shown of a name, in characters: an endless one must not hide the others.
const MAX_NAME_CHARS_LISTED: usize = 200;

/// The first of many, for people: `a, b, c and 4 more`.
pub(super) fn some_of(all: &[String]) -> String {
    const MAX_LISTED: usize = 5;
    let shown = all
        .iter()
        .take(MAX_LISTED)
        .map(|name| readable(name, MAX_NAME_CHARS_LISTED));
    let listed = shown.collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(MAX_LISTED) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}
