//! One thing about a cluster that somebody should know.

/// How bad it is. They are ordered: the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something does not do what it is there for, or will stop doing it.
    Wrong,
    /// It could not be seen.
    Unknown,
    /// As configured; worth knowing.
    Note,
}

impl Severity {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Unknown => "unknown",
            Self::Note => "note",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    pub what: String,
    pub why: String,
    pub next_step: String,
}

impl Finding {
    pub(super) fn wrong(what: impl Into<String>) -> Self {
        Self::new(Severity::Wrong, what)
    }

    pub(super) fn unknown(what: impl Into<String>) -> Self {
        Self::new(Severity::Unknown, what)
    }

    pub(super) fn note(what: impl Into<String>) -> Self {
        Self::new(Severity::Note, what)
    }

    fn new(severity: Severity, what: impl Into<String>) -> Self {
        Self {
            severity,
            what: what.into(),
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

/// The first of many, for people: `a, b, c and 4 more`.
pub(super) fn some_of(all: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = all.iter().take(SHOWN).map(String::as_str);
    let listed = shown.collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(SHOWN) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}
