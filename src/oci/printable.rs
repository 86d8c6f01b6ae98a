//! Text from outside, made fit for a header, a terminal, a table or a log line.

/// At most `limit` characters of `text`; whatever is not printable ASCII
/// (control characters, line ends, other scripts) becomes `?`.
///
/// Every name, id or reason that others wrote goes through here before it is shown.
pub fn printable(text: &str, limit: usize) -> String {
    text.chars().take(limit).map(shown).collect()
}

fn shown(character: char) -> char {
    match character {
        ' '..='~' => character,
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_printable_ascii() {
        assert_eq!(printable("CVE-2026-1 (~high)", 64), "CVE-2026-1 (~high)");
    }

    #[test]
    fn replaces_what_breaks_headers_and_terminals() {
        assert_eq!(
            printable("a\r\nSet-Cookie: x\u{1b}[31m\u{202e}é\0\u{7f}", 64),
            "a??Set-Cookie: x?[31m????"
        );
    }

    #[test]
    fn never_exceeds_its_limit() {
        assert_eq!(printable("ééééé", 3), "???");
        assert_eq!(printable("abc", 0), "");
    }
}
