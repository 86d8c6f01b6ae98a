//! The lines of one chain, in any order of files: which of them are tied to each other, and
//! to what the ledger knows.

use std::collections::{BTreeMap, HashMap};

use super::chain::ChainLink;

/// Lines that follow each other, each tied to the one before.
#[derive(Debug)]
struct LineRun {
    first: u64,
    /// What its first line is tied to.
    prev: Option<String>,
    last: u64,
    hash: String,
    /// Up to here the ledger vouches for it.
    vouched: u64,
    /// Lines lie beside it that it is not tied to.
    is_broken: bool,
}

/// A chain.
#[derive(Debug, Default)]
pub(super) struct ChainRuns {
    runs: Vec<LineRun>,
    /// What the ledger knows: hashes by line, and whether the line was found.
    known: BTreeMap<u64, KnownLine>,
    /// A line that the ledger knows is another one here.
    is_rewritten: bool,
}

#[derive(Debug, Default)]
struct KnownLine {
    hash: Option<String>,
    is_found: bool,
    is_other: bool,
}

impl ChainRuns {
    /// The ledger knows this line.
    pub(super) fn know(&mut self, line: u64, hash: Option<String>) {
        self.known.entry(line).or_default().hash = hash;
    }

    /// Takes a line, and says of which run it is.
    pub(super) fn take(&mut self, link: &ChainLink, hash: String) -> usize {
        let follows = |it: &LineRun| {
            Some(it.last) == link.line.checked_sub(1) && link.prev.as_ref() == Some(&it.hash)
        };
        let mut vouched = 0;
        if let Some(known) = self.known.get_mut(&link.line) {
            let is_same = known.hash.as_ref() == Some(&hash);
            known.is_found |= is_same;
            known.is_other |= !is_same;
            vouched = if is_same { link.line } else { 0 };
        }
        match self.runs.last_mut().filter(|it| follows(it)) {
            Some(run) => {
                (run.last, run.hash) = (link.line, hash);
                run.vouched = run.vouched.max(vouched);
            }
            None => self.runs.push(LineRun {
                first: link.line,
                prev: link.prev.clone(),
                last: link.line,
                hash,
                vouched,
                is_broken: false,
            }),
        }
        self.runs.len() - 1
    }

    /// All lines are there.
    pub(super) fn settle(&mut self) {
        let known = self.known.values();
        self.is_rewritten = known.clone().any(|it| it.is_other && !it.is_found);
        let mut order: Vec<usize> = (0..self.runs.len()).collect();
        order.sort_by_key(|at| (self.runs[*at].first, self.runs[*at].last));
        self.vouch(&order);
        self.find_breaks(&order);
    }

    /// What a run is tied to is as sound as its first line.
    fn vouch(&mut self, order: &[usize]) {
        let mut ends: HashMap<(u64, String), Vec<usize>> = HashMap::new();
        for (at, run) in self.runs.iter().enumerate() {
            let end = (run.last, run.hash.clone());
            ends.entry(end).or_default().push(at);
        }
        for at in order.iter().rev() {
            let run = &self.runs[*at];
            let before = run.prev.clone().filter(|_| run.vouched >= run.first);
            let before = before.map(|hash| (run.first.saturating_sub(1), hash));
            for before in before.iter().filter_map(|it| ends.get(it)).flatten() {
                self.runs[*before].vouched = self.runs[*before].last;
            }
        }
    }

    /// Of two that touch, and are not tied, either may be the one that was put there.
    fn find_breaks(&mut self, order: &[usize]) {
        let mut furthest: Option<usize> = None;
        for &at in order {
            let run = &self.runs[at];
            let before = furthest.map(|it| (it, &self.runs[it]));
            let apart = before.filter(|(_, it)| {
                let touches = run.first <= it.last.saturating_add(1);
                let is_tied =
                    run.first == it.last.saturating_add(1) && run.prev.as_ref() == Some(&it.hash);
                let is_same = (run.first, run.last, &run.hash) == (it.first, it.last, &it.hash);
                touches && !is_tied && !is_same
            });
            let is_further = before.is_none_or(|(_, it)| run.last >= it.last);
            if let Some((other, _)) = apart {
                self.runs[other].is_broken = true;
                self.runs[at].is_broken = true;
            }
            if is_further {
                furthest = Some(at);
            }
        }
    }

    /// Whether a line of a run is as it was written, as far as can be told: before the line
    /// that the ledger knows last, only what is tied to one that it knows.
    pub(super) fn is_sound(&self, run: usize, line: u64) -> bool {
        let Some(run) = self.runs.get(run) else {
            return false;
        };
        line <= run.vouched || (self.may_go_on(run) && line > self.last_known())
    }

    /// The last line that is as it was written, and its hash.
    pub(super) fn sound_end(&self) -> Option<(u64, Option<String>)> {
        let ends = self.runs.iter().map(|run| match self.may_go_on(run) {
            true if run.last > self.last_known() => (run.last, Some(run.hash.clone())),
            _ if run.vouched == run.last => (run.last, Some(run.hash.clone())),
            _ => {
                let known = self.known.get(&run.vouched);
                (run.vouched, known.and_then(|it| it.hash.clone()))
            }
        });
        ends.max()
    }

    fn may_go_on(&self, run: &LineRun) -> bool {
        !run.is_broken && !self.is_rewritten
    }

    fn last_known(&self) -> u64 {
        self.known.keys().next_back().copied().unwrap_or_default()
    }
}
