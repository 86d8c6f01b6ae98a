//! A finding with the exceptions and advisories that apply to it (rules 3 to 5). In a
//! conflict the stricter wins: a block holds beside any exception, and no exception
//! accepts what an advisory raises.

use jiff::Timestamp;

use super::vulnerability_policy::VulnerabilityPolicy;
use super::{Advisory, Effect, Exception};
use crate::oci::Repository;
use crate::report::{Finding, Severity};

/// A finding with its effective severity.
#[derive(Clone, Copy, Debug)]
pub(super) struct EffectiveFinding<'a> {
    /// After advisories.
    pub(super) severity: Severity,
    pub(super) blocked_by: Option<&'a Advisory>,
    pub(super) raised_by: Option<&'a Advisory>,
    pub(super) accepted_by: Option<&'a Exception>,
    pub(super) lowered_by: Option<&'a Advisory>,
    /// An exception that accepted it and has ended.
    pub(super) ended: Option<&'a Exception>,
    /// When any of this may change by time alone.
    pub(super) until: Option<Timestamp>,
}

impl EffectiveFinding<'_> {
    /// Whether it denies by its severity.
    pub(super) fn exceeds(&self, ceiling: Severity) -> bool {
        self.accepted_by.is_none() && self.severity > ceiling
    }
}

/// What findings in the images of a repository are rated by.
pub(super) struct RatingPolicy<'a> {
    pub(super) vulnerability_policy: &'a VulnerabilityPolicy,
    pub(super) repository: &'a Repository,
    /// The severity of findings that the scanner did not rate.
    pub(super) unrated: Severity,
    pub(super) now: Timestamp,
}

impl<'a> RatingPolicy<'a> {
    /// Rates one finding.
    pub(super) fn rate(&self, finding: &Finding) -> EffectiveFinding<'a> {
        let advisories = self.vulnerability_policy.advisories_on(finding, self.now);
        let mut weight = self.unweighed(finding, &advisories);
        if let Some((by, severity)) = raising(&advisories) {
            weight.raised_by = Some(by);
            weight.severity = weight.severity.max(severity);
            return weight;
        }
        self.apply_mitigations(finding, &advisories, &mut weight);
        weight
    }

    /// The same, as if no advisory raised anything.
    pub(super) fn rate_unraised(&self, finding: &Finding) -> EffectiveFinding<'a> {
        let advisories = self.vulnerability_policy.advisories_on(finding, self.now);
        let mut weight = self.unweighed(finding, &advisories);
        self.apply_mitigations(finding, &advisories, &mut weight);
        weight
    }

    /// As its report says, before anything changes its severity.
    fn unweighed(&self, finding: &Finding, advisories: &[&'a Advisory]) -> EffectiveFinding<'a> {
        EffectiveFinding {
            severity: finding.severity.unwrap_or(self.unrated),
            blocked_by: blocking(advisories),
            raised_by: None,
            accepted_by: None,
            lowered_by: None,
            ended: None,
            until: advisories.iter().filter_map(|it| it.expires).min(),
        }
    }

    /// Exceptions, and advisories that lower.
    fn apply_mitigations(
        &self,
        finding: &Finding,
        advisories: &[&'a Advisory],
        weight: &mut EffectiveFinding<'a>,
    ) {
        let repository = self.repository;
        let exception = self.vulnerability_policy.exception(finding, repository);
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
pub(super) fn raising<'a>(advisories: &[&'a Advisory]) -> Option<(&'a Advisory, Severity)> {
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
