//! Which scans stand: the latest of each tool and submitter, where it says at least as
//! much for itself as what it would replace (rule 8).

use std::collections::HashMap;
use std::hash::Hash;

use super::Scan;
use crate::report::{Format, Remark, ReportBinding};

/// What a scan says for itself: what ties it to its image, whether it is whole, and what
/// it says beside its findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanRank {
    binding: ReportBinding,
    format: Format,
    /// Of a format that can be a pass, with nothing left out.
    whole: bool,
    /// In the order of [`Remark::ALL`].
    said: [bool; Remark::ALL.len()],
}

impl Scan {
    pub fn rank(&self) -> ScanRank {
        ScanRank {
            binding: self.binding,
            format: self.format,
            whole: self.format.can_satisfy() && self.incomplete.is_empty(),
            said: Remark::ALL.map(|remark| self.says(remark)),
        }
    }
}

impl ScanRank {
    /// Whether a scan of this rank replaces an older one of the other. A report that
    /// names no image, or left something out, takes the place of none that does and did
    /// not; and what a report said beside its findings stands until one comes that
    /// would say it, too.
    pub fn replaces(self, older: Self) -> bool {
        self.binding.names_as_much_as(older.binding)
            && self.whole >= older.whole
            && self.says_as_much_as(older)
    }

    fn says_as_much_as(self, older: Self) -> bool {
        let remarks = Remark::ALL.into_iter().zip(self.said).zip(older.said);
        let mut lost = remarks.filter(|((_, said), before)| *before && !said);
        lost.all(|((remark, _), _)| self.format.would_say(remark))
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
