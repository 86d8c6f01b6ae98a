//! Text from outside, made fit for a header, a terminal, a table or a log line.

use std::borrow::Cow;
use std::fmt::Write;

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

/// `text` with every character that commands a terminal or hides what is written turned
/// into its escape, as in `\u001b`; line ends stay. Other scripts stay as they are.
///
/// The last line of defence of whatever is written to a terminal or a log. The escapes
/// are JSON's (RFC 8259, 7), so that a JSON document means the same after it as before.
pub fn without_controls(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(commands) else {
        return Cow::Borrowed(text);
    };
    let (clean, rest) = text.split_at(first);
    let mut escaped = String::with_capacity(text.len() + 16);
    escaped.push_str(clean);
    for character in rest.chars() {
        if commands(character) {
            escape(&mut escaped, character);
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// In UTF-16, as JSON has it; a `String` takes every write.
fn escape(text: &mut String, character: char) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        let _ = write!(text, "\\u{unit:04x}");
    }
}

/// C0 but line feed and tab, DEL, C1, and Unicode's format characters (general category
/// Cf) and separators of lines and paragraphs, which reorder or hide text.
fn commands(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        _ => character.is_control() || is_format(character),
    }
}

/// Line and paragraph separator, and the general category Cf (Unicode 16), but for
/// those that letters of Arabic and other scripts are preceded by.
fn is_format(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e007f}'
    )
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
            printable("a\r\nSet-Cookie: x\u{1b}[31m\u{202e}é\0\u{7f}\u{9b}", 64),
            "a??Set-Cookie: x?[31m?????"
        );
    }

    #[test]
    fn never_exceeds_its_limit() {
        assert_eq!(printable("ééééé", 3), "???");
        assert_eq!(printable("abc", 0), "");
    }

    #[test]
    fn escapes_whatever_commands_a_terminal_or_hides_text() {
        let commands = ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}');
        let hides = "\u{ad}\u{200b}\u{202e}\u{2066}\u{2028}\u{feff}\u{e0041}";
        for character in commands.chain(hides.chars()) {
            let text = format!("a{character}b");
            let written = without_controls(&text);
            if character == '\n' || character == '\t' {
                assert_eq!(written, text);
                continue;
            }
            assert!(written.is_ascii(), "{character:?}: {written}");
            let read: String = serde_json::from_str(&format!("\"{written}\"")).unwrap();
            assert_eq!(read, text);
        }
    }

    #[test]
    fn leaves_other_scripts_as_they_are() {
        for text in ["関所 é ß ☃ 🚦", "a\n\tb", ""] {
            assert!(matches!(without_controls(text), Cow::Borrowed(same) if same == text));
        }
    }
}
