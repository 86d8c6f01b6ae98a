//! The policy as it stands in files: the sections of the configuration, and the
//! exceptions and advisories beside it.

use jiff::Timestamp;

use super::notebook::Problem;
use super::notice_places::Places;
use super::notices::Notices;
use super::revision::revision;
use crate::trust::{Rulebook, Rules};

/// Everything that judgement follows, as it was last good.
#[derive(Clone, Debug)]
pub struct PolicyFiles {
    /// Without exceptions and advisories.
    sections: Rules,
    places: Places,
    notices: Notices,
}

impl PolicyFiles {
    pub(super) fn new(sections: Rules, places: Places) -> Self {
        Self {
            sections,
            places,
            notices: Notices::default(),
        }
    }

    /// Looks at the folders again. Whether anything in force changed.
    pub fn follow(&mut self, now: Timestamp) -> bool {
        self.notices.follow(&self.places, now)
    }

    /// Looks at the folders, and tells what is wrong there.
    pub(super) fn problems(&mut self, now: Timestamp) -> Vec<Problem> {
        self.follow(now);
        self.notices
            .invalid()
            .flat_map(|file| file.problems)
            .collect()
    }

    /// Takes over the sections of another reading. The folders keep what was last
    /// good in them, until they are looked at again.
    pub fn adopt(&mut self, other: Self) {
        self.sections = other.sections;
        self.places = other.places;
    }

    pub fn notices(&self) -> &Notices {
        &self.notices
    }

    /// The policy, under a revision that differs whenever anything in it does.
    pub fn rulebook(&self) -> Rulebook {
        let rules = Rules {
            exceptions: self.notices.exceptions().cloned().collect(),
            advisories: self.notices.advisories().cloned().collect(),
            ..self.sections.clone()
        };
        Rulebook::new(revision(&rules), rules)
    }
}
