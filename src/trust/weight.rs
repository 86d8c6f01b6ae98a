//! What one finding comes to, after everything that people said of it (rules 3 to
//! 5). In a conflict the stricter holds: a block stands beside any mercy, and what
//! an advisory raises no exception accepts.

use jiff::Timestamp;

use super::notices::Notices;
use super::{Advisory, Effect, Exception};
use crate::oci::Repository;
use crate::report::{Finding, Severity};

/// A finding, weighed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weight<'a> {
    /// After advisories.
    pub(super) severity: Severity,
    pub(super) blocked_by: Option<&'a Advisory>,
    pub(super) raised_by: Option<&'a Advisory>,
    pub(super) accepted_by: Option<&'a Exception>,
    pub(super) lowered_by: Option<&'a Advisory>,
    /// An exception that accepted it once, and has ended.
    pub(super) ended: Option<&'a Exception>,
    /// When time alone may change any of this.
    pub(super) until: Option<Timestamp>,
}

impl Weight<'_> {
    /// Whether it denies by its severity.
    pub(super) fn exceeds(&self, ceiling: Severity) -> bool {
        self.accepted_by.is_none() && self.severity > ceiling
    }
}

/// What findings in the images of a repository are weighed by.
pub(super) struct Scale<'a> {
    pub(super) notices: &'a Notices,
    pub(super) repository: &'a Repository,
    /// What a finding counts as that its scanner did not rate.
    pub(super) unrated: Severity,
    pub(super) now: Timestamp,
}

impl<'a> Scale<'a> {
    /// Weighs one finding.
    pub(super) fn weigh(&self, finding: &Finding) -> Weight<'a> {
        let own = finding.severity.unwrap_or(self.unrated);
        let advisories = self.notices.advisories_on(finding, self.now);
        let mut weight = Weight {
            severity: own,
            blocked_by: blocking(&advisories),
            raised_by: None,
            accepted_by: None,
            lowered_by: None,
            ended: None,
            until: advisories.iter().filter_map(|it| it.expires).min(),
        };
        if let Some((by, severity)) = raising(&advisories) {
            weight.raised_by = Some(by);
            weight.severity = own.max(severity);
            return weight;
        }
        self.be_lenient(finding, &advisories, &mut weight);
        weight
    }

    /// Exceptions, and advisories that lower.
    fn be_lenient(&self, finding: &Finding, advisories: &[&'a Advisory], weight: &mut Weight<'a>) {
        let repository = self.repository;
        let exception = self.notices.exception(finding, repository);
        match exception.filter(|it| it.holds(repository, self.now)) {
            Some(holds) => {
                weight.accepted_by = Some(holds);
                weight.until = Some(
                    weight
                        .until
                        .map_or(holds.expires, |it| it.min(holds.expires)),
                );
            }
            None => weight.ended = exception,
        }
        if let Some((by, severity)) = lowering(advisories) {
            weight.lowered_by = Some(by);
            weight.severity = weight.severity.min(severity);
        }
    }
}

fn blocking<'a>(advisories: &[&'a Advisory]) -> Option<&'a Advisory> {
    let mut advisories = advisories.iter().copied();
    advisories.find(|it| it.effect == Effect::Block)
}

/// The advisory that raises highest, the first of several.
fn raising<'a>(advisories: &[&'a Advisory]) -> Option<(&'a Advisory, Severity)> {
    let raises = advisories.iter().rev().filter_map(|it| match it.effect {
        Effect::Raise(severity) => Some((*it, severity)),
        Effect::Block | Effect::Lower(_) => None,
    });
    raises.max_by_key(|(_, severity)| *severity)
}

/// The advisory that lowers least, the first of several.
fn lowering<'a>(advisories: &[&'a Advisory]) -> Option<(&'a Advisory, Severity)> {
    let lowers = advisories.iter().rev().filter_map(|it| match it.effect {
        Effect::Lower(severity) => Some((*it, severity)),
        Effect::Block | Effect::Raise(_) => None,
    });
    lowers.max_by_key(|(_, severity)| *severity)
}
