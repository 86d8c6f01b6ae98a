//! Files that are read while others write them: what is new is taken once two looks in a row
//! find the same, since one may find it half written, or between two of its versions.

use super::fingerprint::Fingerprint;

/// What looks at one file found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settling {
    /// By the last; `Some(None)`: it could not be read.
    found: Option<Option<Fingerprint>>,
    /// Looks in a row that found something else each.
    unrest: u32,
}

impl Settling {
    /// So many looks may find something new each before that is told of.
    pub const MAX_UNREST: u32 = 10;
    /// What is told of a file that never settles.
    pub const RESTLESS: &str = "changes at each look, and is not taken: it may be half written";

    /// Of a file of which that was taken, if anything was.
    pub fn of_taken(found: Option<Option<Fingerprint>>) -> Self {
        Self { found, unrest: 0 }
    }

    /// Whether the last look found the same.
    pub fn is_settled(&mut self, found: Option<Fingerprint>) -> bool {
        let is_settled = self.found.replace(found) == Some(found);
        self.unrest = match is_settled {
            true => 0,
            false => self.unrest.saturating_add(1),
        };
        is_settled
    }

    /// One that is rendered anew all the time is never taken, and somebody has to know.
    pub const fn is_restless(&self) -> bool {
        self.unrest >= Self::MAX_UNREST
    }
}
