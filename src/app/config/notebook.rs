//! What is wrong with a configuration, all of it at once.

use std::cell::RefCell;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// One thing that is wrong, or worth a second look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Line in the file, from 1.
    pub line: Option<usize>,
    /// In characters, from 1.
    pub column: Option<usize>,
    /// Path of the key: `listeners[0].environment`. Empty: the file itself.
    pub key: String,
    /// What is wrong, and what to write instead.
    pub text: String,
}

/// Everything that is wrong with one file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    /// `None`: the defaults were read.
    pub file: Option<PathBuf>,
    /// At least one, by line.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            match &self.file {
                Some(file) => write!(f, "{}", file.display())?,
                None => f.write_str("defaults")?,
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    /// `:12:3: cache.max_size: …`, to follow the name of the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        match self.key.as_str() {
            "" => write!(f, ": {}", self.text),
            key => write!(f, ": {key}: {}", self.text),
        }
    }
}

/// Where the readers note what they find, while they share one file.
pub(super) struct Notebook<'t> {
    file: Option<&'t Path>,
    text: &'t str,
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    claims: RefCell<Vec<(String, SocketAddr)>>,
}

impl<'t> Notebook<'t> {
    pub(super) fn new(file: Option<&'t Path>, text: &'t str) -> Self {
        Self {
            file,
            text,
            problems: RefCell::default(),
            warnings: RefCell::default(),
            claims: RefCell::default(),
        }
    }

    /// What relative paths are relative to.
    pub(super) fn folder(&self) -> &Path {
        self.file.and_then(Path::parent).unwrap_or(Path::new(""))
    }

    pub(super) fn problem(&self, span: Option<Range<usize>>, key: &str, text: impl fmt::Display) {
        let problem = self.locate(span, key, text);
        self.problems.borrow_mut().push(problem);
    }

    pub(super) fn warning(&self, span: Option<Range<usize>>, key: &str, text: impl fmt::Display) {
        let warning = self.locate(span, key, text);
        self.warnings.borrow_mut().push(warning);
    }

    fn locate(&self, span: Option<Range<usize>>, key: &str, text: impl fmt::Display) -> Problem {
        let before = span.and_then(|span| self.text.get(..span.start));
        Problem {
            line: before.map(|before| before.matches('\n').count() + 1),
            column: before.map(column),
            key: key.to_owned(),
            text: text.to_string(),
        }
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
    pub(super) fn close(self) -> Result<Vec<Problem>, Problems> {
        let mut problems = self.problems.into_inner();
        if problems.is_empty() {
            return Ok(self.warnings.into_inner());
        }
        problems.sort_by_key(|problem| problem.line);
        Err(Problems {
            file: self.file.map(Path::to_path_buf),
            problems,
        })
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
