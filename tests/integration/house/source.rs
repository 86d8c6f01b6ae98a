//! Just enough of a Rust reader: tokens with their lines, without comments,
//! strings and test modules, and the paths that they spell.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders whose folders are rooms.
const WINGS: [&str; 2] = ["kubernetes", "tls"];

/// One file of the program.
pub struct Source {
    /// From the root of the project, as in `src/gate/pull.rs`.
    pub path: String,
    pub lines: usize,
    /// What is compiled into the program: test modules are left out.
    pub tokens: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub line: usize,
    pub text: String,
}

/// A path as spelled, groups taken apart: `a::{b, c::d}` is `a::b` and
/// `a::c::d`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelled {
    pub line: usize,
    pub segments: Vec<String>,
    /// The name behind `as`.
    pub alias: Option<String>,
}

/// The room of a path from the crate's root; `None` for the root and for a wing,
/// which hold nothing of their own.
pub fn room_of<S: AsRef<str>>(path: &[S]) -> Option<String> {
    let first = path.first()?.as_ref();
    if !WINGS.contains(&first) {
        return Some(first.to_owned());
    }
    let room = path.get(1)?.as_ref();
    Some(format!("{first}::{room}"))
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            lines: text.lines().count(),
            tokens: without_tests(tokens(text)),
        }
    }

    /// Every file below `src` that is part of the program.
    pub fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut paths = Vec::new();
        collect(&root.join("src"), &mut paths);
        paths.sort();
        paths
            .iter()
            .map(|path| {
                let name = path.strip_prefix(root).unwrap().to_string_lossy();
                Self::new(&name, &fs::read_to_string(path).unwrap())
            })
            .collect()
    }

    /// The module that the file is, from the crate's root: none for `src/lib.rs`.
    pub fn module(&self) -> Vec<&str> {
        let below = self.path.trim_start_matches("src/");
        let below = below.trim_end_matches(".rs").trim_end_matches("/mod");
        below.split('/').filter(|part| *part != "lib").collect()
    }

    /// What stands on a floor: `gate`, `tasks`, `main`, `tls::authority`. A wing's own
    /// front door is in no room, and neither is the library's.
    pub fn room(&self) -> Option<String> {
        room_of(&self.module())
    }

    /// `segments` from the crate's root, if they begin with `crate`, with the library's
    /// name, or with `self` or `super`.
    pub fn rooted(&self, segments: &[String]) -> Option<Vec<String>> {
        let own = self.module();
        let (kept, skipped) = match segments.first()?.as_str() {
            "crate" | "sekisho" => (0, 1),
            "self" => (own.len(), 1),
            "super" => {
                let supers = segments.iter().take_while(|word| *word == "super").count();
                (own.len().checked_sub(supers)?, supers)
            }
            _ => return None,
        };
        let begin = own[..kept].iter().map(|part| (*part).to_owned());
        Some(begin.chain(segments[skipped..].iter().cloned()).collect())
    }

    /// Whether the file holds nothing but tests.
    pub fn is_test(&self) -> bool {
        let mut parts = self.path.trim_end_matches(".rs").split('/');
        parts.any(|part| part == "tests")
    }

    pub fn is_front_door(&self) -> bool {
        self.path.ends_with("/mod.rs")
    }

    pub fn paths(&self) -> Vec<Spelled> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            let begins = is_word(&self.tokens[at]) && (at == 0 || self.text(at - 1) != "::");
            at = if begins {
                self.read_path(at, &[], &mut found)
            } else {
                at + 1
            };
        }
        found
    }

    /// The paths of `use` lines.
    pub fn uses(&self) -> Vec<Spelled> {
        let mut found = Vec::new();
        for at in 0..self.tokens.len().saturating_sub(1) {
            if self.text(at) == "use" && is_word(&self.tokens[at + 1]) {
                self.read_path(at + 1, &[], &mut found);
            }
        }
        found
    }

    /// Reads one path from `at`, behind `prefix`, and returns where it ends.
    fn read_path(&self, mut at: usize, prefix: &[String], found: &mut Vec<Spelled>) -> usize {
        let line = self.tokens[at].line;
        let mut segments = prefix.to_vec();
        loop {
            match self.text(at) {
                "{" => return self.read_group(at + 1, &segments, found),
                text => segments.push(text.to_owned()),
            }
            let goes_on = self.text(at + 1) == "::" && self.continues(at + 2);
            if !goes_on {
                let alias = (self.text(at + 1) == "as").then(|| self.text(at + 2).to_owned());
                found.push(Spelled {
                    line,
                    segments,
                    alias,
                });
                return at + 1;
            }
            at += 2;
        }
    }

    fn read_group(&self, mut at: usize, prefix: &[String], found: &mut Vec<Spelled>) -> usize {
        while at < self.tokens.len() && self.text(at) != "}" {
            at = match self.text(at) {
                "as" => at + 2,
                text if text == "*" || is_word(&self.tokens[at]) => {
                    self.read_path(at, prefix, found)
                }
                _ => at + 1,
            };
        }
        at + 1
    }

    fn continues(&self, at: usize) -> bool {
        matches!(self.text(at), "{" | "*") || self.tokens.get(at).is_some_and(is_word)
    }

    pub fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }
}

impl Spelled {
    pub fn starts_with(&self, path: &str) -> bool {
        let wanted: Vec<&str> = path.split("::").collect();
        self.segments.len() >= wanted.len() && self.segments.iter().zip(wanted).all(|(a, b)| a == b)
    }

    pub fn ends_with(&self, path: &str) -> bool {
        let wanted: Vec<&str> = path.split("::").collect();
        let skipped = self.segments.len().checked_sub(wanted.len());
        skipped.is_some_and(|skipped| self.segments[skipped..] == wanted)
    }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn is_word(token: &Token) -> bool {
    token
        .text
        .starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Words, `::` and single characters; no comments, strings or white space.
fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let (len, counts) = match skipped(rest) {
            0 => (word_len(rest).unwrap_or(first.len_utf8()), true),
            len => (len, false),
        };
        let (head, tail) = rest.split_at(len);
        if counts && !first.is_whitespace() {
            let text = head.to_owned();
            found.push(Token { line, text });
        }
        line += head.matches('\n').count();
        rest = tail;
    }
    found
}

fn word_len(text: &str) -> Option<usize> {
    if text.starts_with("::") {
        return Some(2);
    }
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    (end > 0).then_some(end)
}

/// Bytes of the comment, string or character that `text` begins with, else 0.
fn skipped(text: &str) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return text.find("*/").map_or(text.len(), |end| end + 2);
    }
    raw_string(text)
        .or_else(|| string(text))
        .or_else(|| character(text))
        .unwrap_or(0)
}

fn raw_string(text: &str) -> Option<usize> {
    let opening = text.strip_prefix("br").or(text.strip_prefix('r'))?;
    let hashes = opening.len() - opening.trim_start_matches('#').len();
    let body = opening[hashes..].strip_prefix('"')?;
    let closing = format!("\"{}", "#".repeat(hashes));
    let end = body.find(&closing).unwrap_or(body.len() - closing.len());
    Some(text.len() - body.len() + end + closing.len())
}

fn string(text: &str) -> Option<usize> {
    let body = text.strip_prefix("b\"").or(text.strip_prefix('"'))?;
    let opening = text.len() - body.len();
    let mut escaped = false;
    for (at, character) in body.char_indices() {
        match character {
            '"' if !escaped => return Some(opening + at + 1),
            _ => escaped = character == '\\' && !escaped,
        }
    }
    Some(text.len())
}

/// A lifetime is no character: it has no closing quote.
fn character(text: &str) -> Option<usize> {
    let body = text.strip_prefix("b'").or(text.strip_prefix('\''))?;
    let opening = text.len() - body.len();
    let len = match body.strip_prefix('\\') {
        Some(escape) => 1 + escape.get(1..)?.find('\'')? + 1,
        None => body.chars().next()?.len_utf8(),
    };
    body.get(len..)?
        .starts_with('\'')
        .then_some(opening + len + 1)
}

/// Leaves out what stands behind `#[cfg(test)]`: one item with its braces.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let window = tokens[at..].iter().map(|token| token.text.as_str());
        if window.take(MARK.len()).eq(MARK) {
            at = end_of_item(&tokens, at + MARK.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Behind the item that begins at `at`: behind its closing brace or its `;`.
pub fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token.text.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => break,
            "}" => depth -= 1,
            ";" if depth == 0 => break,
            _ => {}
        }
    }
    let closed = tokens.get(at).is_some_and(|token| token.text == ";");
    if closed { at + 1 } else { at }
}

#[test]
fn takes_groups_apart_with_their_lines() {
    let text =
        "use crate::{\n  a,\n  b::{c, self, d as e},\n};\nfn f() { crate::g::h(); x.y::<Z>() }";
    let spelled: Vec<(usize, String)> = Source::new("src/x.rs", text)
        .paths()
        .into_iter()
        .filter(|path| path.starts_with("crate"))
        .map(|path| (path.line, path.segments.join("::")))
        .collect();
    let expected = [
        (2, "crate::a"),
        (3, "crate::b::c"),
        (3, "crate::b::self"),
        (3, "crate::b::d"),
        (5, "crate::g::h"),
    ];
    assert_eq!(
        spelled,
        expected.map(|(line, path)| (line, path.to_owned()))
    );
}

#[test]
fn skips_comments_strings_and_tests() {
    let text = r##"
        //! crate::doc
        /* crate::block */ const A: &str = "crate::string \" crate::escaped";
        const B: &str = r#"crate::raw " "#; const C: char = '"'; const D: &'static str = b'\'';
        #[cfg(test)] mod tests { use crate::test; fn f() { {} } }
        #[cfg(test)] use crate::{tested, again}; #[cfg(test)] mod more;
        use crate::seen;
    "##;
    let source = Source::new("src/x.rs", text);
    let paths = source.paths();
    let crates: Vec<&Spelled> = paths
        .iter()
        .filter(|path| path.starts_with("crate"))
        .collect();
    assert_eq!(crates.len(), 1, "{crates:?}");
    assert_eq!(
        (crates[0].line, crates[0].ends_with("crate::seen")),
        (7, true)
    );
}

#[test]
fn names_rooms_by_folder_or_file() {
    for (path, room, test) in [
        ("src/gate/pull.rs", Some("gate"), false),
        ("src/tasks.rs", Some("tasks"), false),
        ("src/lib.rs", None, false),
        ("src/gate/tests.rs", Some("gate"), true),
        ("src/gate/tests/pull.rs", Some("gate"), true),
        ("src/tls/mod.rs", None, false),
        ("src/tls/authority/mod.rs", Some("tls::authority"), false),
        ("src/tls/authority/names.rs", Some("tls::authority"), false),
    ] {
        let source = Source::new(path, "");
        assert_eq!(source.room().as_deref(), room, "{path}");
        assert_eq!(source.is_test(), test, "{path}");
    }
}

#[test]
fn follows_paths_from_the_root() {
    for (path, spelled, expected) in [
        (
            "src/gate/pull.rs",
            "crate::oci::Digest",
            Some("oci::Digest"),
        ),
        ("src/gate/pull.rs", "super::Gate", Some("gate::Gate")),
        ("src/gate/pull.rs", "super::super::trust", Some("trust")),
        ("src/gate/mod.rs", "super::trust::X", Some("trust::X")),
        ("src/gate/mod.rs", "self::pull::X", Some("gate::pull::X")),
        ("src/tls/a/b.rs", "super::super::c::D", Some("tls::c::D")),
        ("src/gate/pull.rs", "std::io", None),
    ] {
        let segments: Vec<String> = spelled.split("::").map(str::to_owned).collect();
        let found = Source::new(path, "").rooted(&segments);
        let found = found.map(|path| path.join("::"));
        assert_eq!(found.as_deref(), expected, "{path}: {spelled}");
    }
}
