//! What a doctor found: one thing about a node or a cluster that somebody should know,
//! in words that lead to its repair.

/// How bad it is. They are ordered: the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// Something does not work, or will stop working.
    Wrong,
    /// It could not be checked.
    Unknown,
    /// As it should be, or as configured; worth knowing.
    Note,
}

/// One finding of a doctor; `About` is where it was found, if that is not all one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis<About = ()> {
    pub about: About,
    pub gravity: Gravity,
    pub what: String,
    pub why: String,
    pub next_step: String,
}

impl<About> Diagnosis<About> {
    pub fn new(about: About, gravity: Gravity, what: impl Into<String>) -> Self {
        Self {
            about,
            gravity,
            what: what.into(),
            why: String::new(),
            next_step: String::new(),
        }
    }

    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    #[must_use]
    pub fn next(mut self, step: impl Into<String>) -> Self {
        self.next_step = step.into();
        self
    }
}

impl Diagnosis {
    pub fn wrong(what: impl Into<String>) -> Self {
        Self::new((), Gravity::Wrong, what)
    }

    pub fn unknown(what: impl Into<String>) -> Self {
        Self::new((), Gravity::Unknown, what)
    }

    pub fn note(what: impl Into<String>) -> Self {
        Self::new((), Gravity::Note, what)
    }
}

/// Whether nothing is wrong, and nothing went unseen.
pub fn is_sound<About>(found: &[Diagnosis<About>]) -> bool {
    found.iter().all(|found| found.gravity == Gravity::Note)
}
