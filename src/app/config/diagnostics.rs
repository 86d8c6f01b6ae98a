//! Collects every problem of a configuration and its files.

use std::cell::RefCell;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::oci::{printable, with_origins_alone};

/// The longest text of a problem, in characters.
const MAX_PROBLEM_CHARS: usize = 1000;

/// One thing that is wrong, or worth a second look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// `None`: the defaults were read.
    pub file: Option<String>,
    /// Line in the file, from 1.
    pub line: Option<usize>,
    /// In characters, from 1.
    pub column: Option<usize>,
    /// Path of the key: `listeners[0].environment`. Empty: the file itself.
    pub key: String,
    /// What is wrong, and what to write instead.
    pub text: String,
}

/// A file or folder that the configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPath {
    /// Path of the key.
    pub key: String,
    /// As it is written.
    pub written: PathBuf,
}

/// Everything that is wrong with a configuration and the files that belong to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    /// At least one, by file and line.
    pub problems: Vec<Problem>,
}

impl Problem {
    /// What is wrong with a file as a whole.
    pub fn of_file(file: &Path, text: impl fmt::Display) -> Self {
        Self {
            file: Some(name(file)),
            line: None,
            column: None,
            key: String::new(),
            text: harmless(&text.to_string()),
        }
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        let problems = vec![problem];
        Self { problems }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    /// `sekisho.toml:12:3: cache.max_size: …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file.as_deref().unwrap_or("defaults"))?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        match self.key.as_str() {
            "" => write!(f, ": {}", self.text),
            key => write!(f, ": {key}: {}", self.text),
        }
    }
}

/// The name of a file, fit for a terminal in one line.
fn name(file: &Path) -> String {
    let shown = |character: char| match character.is_control() {
        true => '?',
        false => character,
    };
    file.display().to_string().chars().map(shown).collect()
}

/// A problem may quote the file, which others wrote. Only the … of our own hints
/// is kept besides what is printable, and scheme and host alone of a URL.
fn harmless(text: &str) -> String {
    let text = with_origins_alone(text.trim());
    let parts = text.split('…');
    let parts: Vec<String> = parts
        .map(|part| printable(part, MAX_PROBLEM_CHARS))
        .collect();
    parts.join("…")
}

/// Collects problems and warnings while a file is read.
pub(super) struct Diagnostics<'t> {
    file: Option<&'t Path>,
    text: &'t str,
    /// Whether the files that it names are opened, or only named.
    opens_files: bool,
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    claims: RefCell<Vec<(String, SocketAddr)>>,
    named_paths: RefCell<Vec<NamedPath>>,
}

impl<'t> Diagnostics<'t> {
    pub(super) fn new(file: Option<&'t Path>, text: &'t str) -> Self {
        Self {
            file,
            text,
            opens_files: true,
            problems: RefCell::default(),
            warnings: RefCell::default(),
            claims: RefCell::default(),
            named_paths: RefCell::default(),
        }
    }

    /// For who needs no file that the configuration names.
    pub(super) fn without_files(file: Option<&'t Path>, text: &'t str) -> Self {
        Self {
            opens_files: false,
            ..Self::new(file, text)
        }
    }

    pub(super) const fn opens_files(&self) -> bool {
        self.opens_files
    }

    /// What was noted until now, which is forgotten here.
    pub(super) fn take_problems(&self) -> Vec<Problem> {
        self.problems.take()
    }

    /// Forgets the problems of all but those keys of the file, each with all below it.
    /// Those of the file itself stay.
    pub(super) fn keep_only(&self, keys: &[&str]) {
        let first = |key: &str| key.split(['.', '[']).next().unwrap_or_default().to_owned();
        let is_kept = |key: &str| key.is_empty() || keys.contains(&first(key).as_str());
        let mut problems = self.problems.borrow_mut();
        problems.retain(|problem| is_kept(&problem.key));
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// What relative paths are relative to.
    pub(super) fn folder(&self) -> &Path {
        self.file.and_then(Path::parent).unwrap_or(Path::new(""))
    }

    pub(super) fn problem(&self, span: Option<Range<usize>>, key: &str, text: impl fmt::Display) {
        let problem = self.locate(span, key, text);
        self.problems.borrow_mut().push(problem);
    }

    /// The same with a hint of our own behind it: that quotes nothing, and is shown whole.
    pub(super) fn hinted_problem(
        &self,
        span: Option<Range<usize>>,
        key: &str,
        text: impl fmt::Display,
        hint: &'static str,
    ) {
        let mut problem = self.locate(span, key, text);
        problem.text.push_str("; ");
        problem.text.push_str(hint);
        self.problems.borrow_mut().push(problem);
    }

    pub(super) fn warning(&self, span: Option<Range<usize>>, key: &str, text: impl fmt::Display) {
        let warning = self.locate(span, key, text);
        self.warnings.borrow_mut().push(warning);
    }

    fn locate(&self, span: Option<Range<usize>>, key: &str, text: impl fmt::Display) -> Problem {
        let before = span.and_then(|span| self.text.get(..span.start));
        Problem {
            file: self.file.map(name),
            line: before.map(|before| before.matches('\n').count() + 1),
            column: before.map(column),
            key: harmless(key),
            text: harmless(&text.to_string()),
        }
    }

    /// Notes what `key` names, for who runs this configuration elsewhere.
    pub(super) fn name_path(&self, key: String, written: &Path) {
        let written = written.to_owned();
        self.named_paths
            .borrow_mut()
            .push(NamedPath { key, written });
    }

    pub(super) fn take_named_paths(&self) -> Vec<NamedPath> {
        self.named_paths.take()
    }

    /// Notes that `key` wants `address`. Returns the key, if any, that has it.
    pub(super) fn claim(&self, key: &str, address: SocketAddr) -> Option<String> {
        let mut claims = self.claims.borrow_mut();
        let earlier = claims.iter().find(|(_, taken)| clash(address, *taken));
        let earlier = earlier.map(|(key, _)| key.clone());
        claims.push((key.to_owned(), address));
        earlier
    }

    /// The warnings, when nothing is wrong.
    pub(super) fn finish(self) -> Result<Vec<Problem>, Problems> {
        let mut problems = self.problems.into_inner();
        if problems.is_empty() {
            return Ok(self.warnings.into_inner());
        }
        problems.sort_by_key(|problem| problem.line);
        Err(Problems { problems })
    }
}

/// Whether both cannot be bound.
fn clash(one: SocketAddr, other: SocketAddr) -> bool {
    let any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && (any || one.ip() == other.ip())
}

fn column(before: &str) -> usize {
    let line = before.rsplit('\n').next().unwrap_or_default();
    line.chars().count() + 1
}
