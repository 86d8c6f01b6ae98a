//! One thing that is wrong on a node, in words that lead to its repair.

use crate::nodes::Runtime;

/// What a finding means for the question: can a denied image be pulled here?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It can.
    Open,
    /// It could not be seen whether it can.
    Unproven,
    /// It cannot by this; worth knowing all the same.
    Note,
}

impl Severity {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Unproven => "unproven",
            Self::Note => "note",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub runtime: Runtime,
    pub severity: Severity,
    pub what: String,
    /// The file, directory or socket that it is about.
    pub place: String,
    pub why: String,
    pub next_step: String,
}

impl Finding {
    pub(super) fn new(
        runtime: Runtime,
        severity: Severity,
        place: &str,
        what: impl Into<String>,
    ) -> Self {
        Self {
            runtime,
            severity,
            what: what.into(),
            place: place.to_owned(),
            why: String::new(),
            next_step: String::new(),
        }
    }

    pub(super) fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    pub(super) fn next(mut self, step: impl Into<String>) -> Self {
        self.next_step = step.into();
        self
    }
}
