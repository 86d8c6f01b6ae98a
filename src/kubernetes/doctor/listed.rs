//! Many things in one line.

/// The first of many, for people: `a, b, c and 4 more`.
pub(super) fn some_of(all: &[String]) -> String {
    const MAX_LISTED: usize = 5;
    let shown = all.iter().take(MAX_LISTED).map(String::as_str);
    let listed = shown.collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(MAX_LISTED) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}
