//! TOML as all runtimes read it, which is less than TOML.
//!
//! A runtime that cannot read a mirror file ignores it and goes to the registry
//! itself, so a file must stay within what every reader takes: containerd 1.6 and 1.7
//! (go-toml 1), 2.x (go-toml 2), CRI-O and podman (BurntSushi/toml). Each form below was
//! seen to be refused, or read as something else, by one of them.

use toml::Table;
use toml_parser::decoder::Encoding;
use toml_parser::parser::{Event, EventKind, parse_document};
use toml_parser::{ParseError, Source};

const BYTE_ORDER_MARK: char = '\u{feff}';

/// Why a runtime reads a file otherwise than it is meant, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TomlFlaw {
    #[error("it is no TOML")]
    NoToml,
    #[error("it begins with a byte order mark")]
    ByteOrderMark,
    /// Trailing commas and line breaks in inline tables, `\e`, `\x`: TOML 1.1.
    #[error("it uses a form of TOML that not every runtime reads: {0}")]
    Rare(&'static str),
    /// go-toml 1 ends a table's name at the first bracket, quoted or not.
    #[error("a [table] name holds a bracket, as that of an IPv6 address does")]
    BracketInHeader,
    /// go-toml 1 takes a backslash in a table's name for itself.
    #[error("a key holds a backslash")]
    EscapeInKey,
}

/// The table in `text`, where every runtime reads the same in it.
pub(super) fn read_plain(text: &str) -> Result<Table, TomlFlaw> {
    if text.starts_with(BYTE_ORDER_MARK) {
        return Err(TomlFlaw::ByteOrderMark);
    }
    let table = text.parse::<Table>().map_err(|_| TomlFlaw::NoToml)?;
    match flaw(text) {
        Some(flaw) => Err(flaw),
        None => Ok(table),
    }
}

fn flaw(text: &str) -> Option<TomlFlaw> {
    let mut events: Vec<Event> = Vec::new();
    let mut errors: Vec<ParseError> = Vec::new();
    let tokens = Source::new(text).lex().into_vec();
    parse_document(&tokens, &mut events, &mut errors);
    let mut place = Place::default();
    events.iter().find_map(|event| place.flaw(text, event))
}

/// Where in the file an event lies.
#[derive(Default)]
struct Place {
    in_header: bool,
    /// Arrays and inline tables around it, the innermost last.
    open: Vec<EventKind>,
    after_comma: bool,
}

impl Place {
    fn flaw(&mut self, text: &str, event: &Event) -> Option<TomlFlaw> {
        let raw = text.get(event.span().start()..event.span().end())?;
        let in_table = self.open.last() == Some(&EventKind::InlineTableOpen);
        let found = match event.kind() {
            EventKind::SimpleKey => key(raw, event.encoding(), self.in_header),
            EventKind::Scalar => scalar(raw, event.encoding()).map(TomlFlaw::Rare),
            EventKind::Newline if in_table => {
                Some(TomlFlaw::Rare("a line break in an inline table"))
            }
            EventKind::InlineTableClose if self.after_comma => {
                Some(TomlFlaw::Rare("a comma at the end of an inline table"))
            }
            _ => None,
        };
        self.step(event.kind());
        found
    }

    fn step(&mut self, kind: EventKind) {
        match kind {
            EventKind::StdTableOpen | EventKind::ArrayTableOpen => self.in_header = true,
            EventKind::StdTableClose | EventKind::ArrayTableClose => self.in_header = false,
            EventKind::ArrayOpen | EventKind::InlineTableOpen => self.open.push(kind),
            EventKind::ArrayClose | EventKind::InlineTableClose => {
                self.open.pop();
            }
            _ => {}
        }
        if !matches!(
            kind,
            EventKind::Whitespace | EventKind::Newline | EventKind::Comment
        ) {
            self.after_comma = kind == EventKind::ValueSep;
        }
    }
}

fn key(raw: &str, encoding: Option<Encoding>, in_header: bool) -> Option<TomlFlaw> {
    if in_header && raw.contains(['[', ']']) {
        return Some(TomlFlaw::BracketInHeader);
    }
    (encoding == Some(Encoding::BasicString) && raw.contains('\\')).then_some(TomlFlaw::EscapeInKey)
}

fn scalar(raw: &str, encoding: Option<Encoding>) -> Option<&'static str> {
    match encoding {
        None => (!is_plain_value(raw)).then_some("a date, or a number that is no plain integer"),
        Some(Encoding::BasicString | Encoding::MlBasicString) => {
            has_new_escape(raw).then_some("an escape sequence of TOML 1.1")
        }
        Some(Encoding::LiteralString | Encoding::MlLiteralString) => None,
    }
}

fn is_plain_value(raw: &str) -> bool {
    let digits = raw.trim_start_matches(['+', '-']);
    let is_integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    matches!(raw, "true" | "false") || is_integer
}

/// `\e` and `\x41`.
fn has_new_escape(raw: &str) -> bool {
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        if character == '\\' && matches!(characters.next(), Some('e' | 'x')) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_every_runtime_reads() {
        for text in [
            "",
            "server = \"https://gate\"\r\n[host.\"https://gate\"]\r\n",
            "[ host . 'https://gate' ] # a remark, \"odd ] [\n",
            "[host]\n\"https://[fd00::1]:5080\" = { ca = \"../a.crt\" }\n",
            "a = [\n 'x', # one\n \"[y]\",\n]\nb = [{ c = 1 }, { c = -2 }]\nd = true\n",
            "text = \"\"\"a\\\n  b \\u0041\"\"\"\n[[many]]\n\"[x]\" = '\\e'\n",
        ] {
            assert!(read_plain(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn refuses_what_one_of_them_reads_otherwise() {
        for (text, flaw) in [
            ("a = ", TomlFlaw::NoToml),
            ("a = 1\na = 1\n", TomlFlaw::NoToml),
            ("\u{feff}a = 1\n", TomlFlaw::ByteOrderMark),
            ("[host.\"http://[::1]:5080\"]\n", TomlFlaw::BracketInHeader),
            ("[[host.'[::1]']]\n", TomlFlaw::BracketInHeader),
            ("[host.\"http:\\u002f/gate\"]\n", TomlFlaw::EscapeInKey),
            ("\"a\\tb\" = 1\n", TomlFlaw::EscapeInKey),
        ] {
            assert_eq!(read_plain(text), Err(flaw), "{text}");
        }
        for text in [
            "a = { b = 1,\n c = 2 }\n",
            "a = { b = 1, }\n",
            "a = \"\\e\"\n",
            "a = \"\\x41\"\n",
            "a = 2026-01-01\n",
            "a = 1e5\n",
        ] {
            let found = read_plain(text).unwrap_err();
            assert!(matches!(found, TomlFlaw::Rare(_)), "{text}: {found:?}");
        }
    }
}
