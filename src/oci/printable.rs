//! Text from outside, made fit for a header, a terminal, a table or a log line.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// At most `limit` characters of `text`, in printable ASCII: for headers and for lines
/// that clients show. Signs of typography are written as in ASCII (`...`); whatever else
/// is not printable (control characters, line ends, other scripts) becomes `?`.
///
/// Every name, id or reason that others wrote goes through here or through [`readable`]
/// before it is shown.
pub fn printable(text: &str, limit: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(limit));
    for character in text.chars() {
        let piece = ascii(&character);
        if shown.len() + piece.len() > limit {
            break;
        }
        shown.push_str(piece);
    }
    shown
}

fn ascii(character: &char) -> &str {
    const PRINTABLE: &str = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_\
                             `abcdefghijklmnopqrstuvwxyz{|}~";
    match character {
        ' '..='~' => {
            let at = usize::try_from(u32::from(*character) - 0x20).unwrap_or_default();
            PRINTABLE.get(at..=at).unwrap_or("?")
        }
        '…' => "...",
        '‘' | '’' => "'",
        '“' | '”' => "\"",
        '–' | '—' => "-",
        '→' => "->",
        _ => "?",
    }
}

/// At most `limit` characters of `text`, for people: what commands a terminal or hides
/// text, and line ends, become `?`; other scripts stay. What is cut ends with `…`.
pub fn readable(text: &str, limit: usize) -> String {
    let shown = |character: char| match character {
        '\n' | '\t' => '?',
        other if commands(other) => '?',
        other => other,
    };
    if text.chars().nth(limit).is_none() {
        return text.chars().map(shown).collect();
    }
    let kept = text.chars().take(limit.saturating_sub(1)).map(shown);
    kept.chain("…".chars().take(limit)).collect()
}

/// Items with commas between them: whole ones, as many as `limit` characters have room
/// for, and one at least; then how many more there are.
pub fn listed<T: AsRef<str>>(items: &[T], limit: usize) -> String {
    let more = |kept: usize| match items.len() - kept {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (mut length, mut kept) = (0, 1);
    for (at, item) in items.iter().enumerate() {
        length += item.as_ref().chars().count() + if at == 0 { 0 } else { 2 };
        if length > limit {
            break;
        }
        if length + more(at + 1).len() <= limit {
            kept = at + 1;
        }
    }
    let kept = kept.min(items.len());
    let shown: Vec<&str> = items[..kept].iter().map(AsRef::as_ref).collect();
    shown.join(", ") + &more(kept)
}

/// `1 image`, `2 images`, `0 advisories`.
pub fn counted<N: fmt::Display + PartialEq + From<u8>>(count: N, what: &str) -> String {
    match count == N::from(1) {
        true => format!("1 {what}"),
        false => format!("{count} {}", plural(what)),
    }
}

/// By its last letters; that is enough for the words in use.
fn plural(what: &str) -> String {
    let stem = what.strip_suffix('y');
    match stem.filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u'])) {
        Some(stem) => format!("{stem}ies"),
        None => format!("{what}s"),
    }
}

/// Each once, in the order in which they come first: an index is denied for the same reason
/// by several of its platforms.
pub fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for item in items {
        if !distinct.contains(&item) {
            distinct.push(item);
        }
    }
    distinct
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
    fn one_is_told_as_one_and_all_else_as_many() {
        for (count, what, told) in [
            (0, "advisory", "0 advisories"),
            (1, "advisory", "1 advisory"),
            (1, "image", "1 image"),
            (2, "day", "2 days"),
        ] {
            assert_eq!(counted(count, what), told);
        }
    }

    #[test]
    fn what_comes_several_times_is_told_once() {
        let told = distinct(["not-scanned", "not-promoted", "not-scanned"].into_iter());
        assert_eq!(told, ["not-scanned", "not-promoted"]);
    }

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
        assert_eq!(printable("ab…", 4), "ab");
    }

    #[test]
    fn every_printable_character_is_itself_and_typography_is_spelled() {
        let all: String = (' '..='~').collect();
        assert_eq!(printable(&all, 200), all);
        assert_eq!(
            printable("sha256:9f86d0… “a” → b", 64),
            "sha256:9f86d0... \"a\" -> b"
        );
    }

    #[test]
    fn people_read_their_own_script_and_see_where_it_is_cut() {
        assert_eq!(readable("関所の理由", 5), "関所の理由");
        assert_eq!(readable("関所の理由…", 5), "関所の理…");
        assert_eq!(readable("a\u{1b}[31m\u{202e}b\nc\td", 64), "a?[31m?b?c?d");
        assert_eq!(
            (readable("abc", 1), readable("abc", 0)),
            ("…".to_owned(), String::new())
        );
    }

    #[test]
    fn lists_are_cut_at_whole_items() {
        let hosts = ["docker.io", "quay.io", "ghcr.io"];
        assert_eq!(listed(&hosts, 100), "docker.io, quay.io, ghcr.io");
        assert_eq!(listed(&hosts, 27), "docker.io, quay.io, ghcr.io");
        assert_eq!(listed(&hosts, 26), "docker.io and 2 more");
        assert_eq!(listed(&hosts[..2], 18), "docker.io, quay.io");
        assert_eq!(listed(&hosts, 0), "docker.io and 2 more");
        assert_eq!(listed::<&str>(&[], 10), "");
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
