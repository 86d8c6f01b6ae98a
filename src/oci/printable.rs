//! Text from outside, made fit for messages, headers, terminals and CSV.

/// At most `limit` characters of `text`, all printable ASCII; others become `?`.
pub fn printable(text: &str, limit: usize) -> String {
    let shown = |c: char| if matches!(c, ' '..='~') { c } else { '?' };
    text.chars().take(limit).map(shown).collect()
}
