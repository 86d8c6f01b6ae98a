//! Many things in one line.

/// The first of many, for people: `a, b, c and 4 more`.
pub(super) fn some_of(all: &[String]) -> String {
    const MAX_LISTED: usize = 5;
    let shown = all.iter().take(MAX_LISTED).map(|name| shortened(name));
    let listed = shown.collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(MAX_LISTED) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

/// What somebody chose to name endlessly must not hide the others.
fn shortened(name: &str) -> String {
    const MAX_CHARACTERS: usize = 200;
    match name.char_indices().nth(MAX_CHARACTERS) {
        None => name.to_owned(),
        Some((end, _)) => format!("{}…", &name[..end]),
    }
}
