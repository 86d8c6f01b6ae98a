//! The policy in files: sections of the configuration, and the folders of exceptions and
//! advisories.

use jiff::Timestamp;

use super::diagnostics::Problem;
use super::policy_folders::PolicyFolders;
use super::revision::revision;
use super::vulnerability_policy::{PolicyFile, VulnerabilityPolicyFiles};
use crate::trust::{Rulebook, Rules};

/// The whole policy, each file in its last valid state.
#[derive(Clone, Debug)]
pub struct PolicyFiles {
    /// Without exceptions and advisories.
    sections: Rules,
    folders: PolicyFolders,
    vulnerability_policy: VulnerabilityPolicyFiles,
}

impl PolicyFiles {
    pub(super) fn new(sections: Rules, places: PolicyFolders) -> Self {
        Self {
            sections,
            folders: places,
            vulnerability_policy: VulnerabilityPolicyFiles::default(),
        }
    }

    /// Reloads the folders. Returns whether anything in force changed.
    pub fn follow(&mut self, now: Timestamp) -> bool {
        self.vulnerability_policy.follow(&self.folders, now)
    }

    /// Reloads the folders and returns the problems of the files that `counts` names.
    pub(super) fn problems(
        &mut self,
        now: Timestamp,
        counts: impl Fn(PolicyFile) -> bool,
    ) -> Vec<Problem> {
        self.follow(now);
        self.vulnerability_policy
            .invalid()
            .filter(|file| counts(file.kind))
            .flat_map(|file| file.problems)
            .collect()
    }

    /// Takes over the sections of another reading. The folders keep what was last
    /// good in them, until they are looked at again.
    pub fn adopt(&mut self, other: Self) {
        self.sections = other.sections;
        self.folders = other.folders;
    }

    pub fn vulnerability_policy(&self) -> &VulnerabilityPolicyFiles {
        &self.vulnerability_policy
    }

    /// The policy, under a revision that differs whenever anything in it does.
    pub fn rulebook(&self) -> Rulebook {
        let rules = Rules {
            exceptions: self.vulnerability_policy.exceptions().cloned().collect(),
            advisories: self.vulnerability_policy.advisories().cloned().collect(),
            ..self.sections.clone()
        };
        Rulebook::new(revision(&rules), rules)
    }
}
