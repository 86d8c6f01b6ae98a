//! Some manifests, as numbers of a list of all images: a hundred thousand are compared in
//! less time than their digests would be looked up in.

use std::collections::HashSet;

use crate::oci::Digest;

/// Manifests that somebody asked for. It belongs to the catalogue that made it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManifestSet {
    /// By the number of each manifest of the catalogue, whether it is in the set.
    pub(super) listed: Vec<bool>,
    /// Those that the catalogue does not know.
    pub(super) others: HashSet<Digest>,
}

impl ManifestSet {
    /// What is in both.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for (mine, theirs) in self.listed.iter_mut().zip(&other.listed) {
            *mine &= theirs;
        }
        self.others.retain(|it| other.others.contains(it));
        self
    }

    /// What is in one of them.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        for (mine, theirs) in self.listed.iter_mut().zip(other.listed) {
            *mine |= theirs;
        }
        self.others.extend(other.others);
        self
    }

    /// What is in the first alone.
    #[must_use]
    pub(super) fn without(mut self, other: &Self) -> Self {
        for (mine, theirs) in self.listed.iter_mut().zip(&other.listed) {
            *mine &= !theirs;
        }
        self.others.retain(|it| !other.others.contains(it));
        self
    }
}
