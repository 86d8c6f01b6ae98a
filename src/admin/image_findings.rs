//! What the scans of one image find: what is shown of it, however much that is.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};

use ahash::RandomState;

use super::image_matches::told_source;
use crate::api::{MAX_FINDINGS_SHOWN, MatchView};
use crate::ledger::RecordedScan;
use crate::report::{Finding, Severity};
use crate::trust::Rulebook;

/// Takes findings one by one and keeps the worst: those of all scans of one image may take
/// hundreds of megabytes.
pub(super) struct ShownFindings {
    /// The worst first, [`MAX_FINDINGS_SHOWN`] at most.
    worst: BTreeSet<(Reverse<Option<Severity>>, MatchView)>,
    /// Hashes of all, since a scanner may report one for each file: 8 bytes each.
    different: HashSet<u64>,
    hasher: RandomState,
    /// The ids that somebody wrote of, in lower case.
    written: HashSet<String>,
    /// Those of them that are found, as a finding's own id or as an alias.
    names: BTreeSet<String>,
}

impl ShownFindings {
    pub fn new(rulebook: &Rulebook) -> Self {
        let accepted = rulebook.exceptions().iter().map(|it| &it.vulnerabilities);
        let advised = rulebook.advisories().iter().map(|it| &it.vulnerabilities);
        let written = accepted.chain(advised).flatten();
        Self {
            worst: BTreeSet::new(),
            different: HashSet::new(),
            hasher: RandomState::new(),
            written: written.map(|id| id.to_ascii_lowercase()).collect(),
            names: BTreeSet::new(),
        }
    }

    pub fn take(&mut self, by: &RecordedScan, finding: Finding) {
        let ids = std::iter::once(&finding.id).chain(&finding.aliases);
        let ids = ids.map(|id| id.to_ascii_lowercase());
        self.names
            .extend(ids.filter(|id| self.written.contains(id)));
        let (id, package) = (&finding.id, &finding.package);
        let versions = (&finding.installed, &finding.fixed);
        let what = (by.scan.id, id, finding.severity, package, versions);
        if self.different.insert(self.hasher.hash_one(what)) {
            self.worst
                .insert((Reverse(finding.severity), matched(by, finding)));
        }
        if self.worst.len() > MAX_FINDINGS_SHOWN {
            self.worst.pop_last();
        }
    }

    /// The ids that are found and that an exception or an advisory names, in lower case.
    pub fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// The worst, and how many there are beside them.
    pub fn shown(self) -> (Vec<MatchView>, usize) {
        let more = self.different.len() - self.worst.len();
        (self.worst.into_iter().map(|(_, it)| it).collect(), more)
    }
}

fn matched(by: &RecordedScan, finding: Finding) -> MatchView {
    MatchView {
        id: Some(finding.id),
        severity: finding.severity,
        source: told_source(finding.source.as_ref(), &finding.package),
        package: finding.package,
        installed: finding.installed,
        fixed: finding.fixed,
        tool: by.scan.tool.name.clone(),
        scan: format!("scan:{}", by.scan.id),
        scanned_at: by.scan.scanned_at,
    }
}
