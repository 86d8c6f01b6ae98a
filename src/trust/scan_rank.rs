//! Which scans stand: the latest of each tool and submitter, where it says at least as
//! much for itself as what it would replace (rule 8).

use std::collections::HashMap;
use std::hash::Hash;

use crate::report::ReportBinding;

/// What a scan says for itself: what ties it to its image, and whether it is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanRank {
    binding: ReportBinding,
    /// Of a format that can be a pass, with nothing left out.
    whole: bool,
}

impl ScanRank {
    pub(super) const fn new(binding: ReportBinding, whole: bool) -> Self {
        Self { binding, whole }
    }

    /// Whether a scan of this rank replaces an older one of the other. A report that
    /// names no image, or left something out, takes the place of none that does and did
    /// not.
    pub fn replaces(self, older: Self) -> bool {
        self.binding.names_as_much_as(older.binding) && self.whole >= older.whole
    }
}

/// The ranks of the scans met so far, from the newest on, by what a scan must share with
/// an older one to replace it.
#[derive(Debug)]
pub struct NewerScans<K>(HashMap<K, Vec<ScanRank>>);

impl<K> Default for NewerScans<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash> NewerScans<K> {
    /// Whether one of them replaces a scan of that rank.
    pub fn replace(&self, series: &K, rank: ScanRank) -> bool {
        let newer = self.0.get(series);
        newer.is_some_and(|ranks| ranks.iter().any(|newer| newer.replaces(rank)))
    }

    pub fn add(&mut self, series: K, rank: ScanRank) {
        let ranks = self.0.entry(series).or_default();
        if !ranks.contains(&rank) {
            ranks.push(rank);
        }
    }
}
