//! What people said of vulnerabilities: exceptions and advisories, found again by
//! what they name, so that a report of a hundred thousand findings is weighed
//! against all of them in one look-up each.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{Advisory, Exception};
use crate::oci::Repository;
use crate::report::Finding;

/// Exceptions and advisories, under keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Notices {
    exceptions: Vec<Exception>,
    advisories: Vec<Advisory>,
    /// Places in `exceptions`, by vulnerability in lower case.
    excepted: HashMap<String, Vec<usize>>,
    /// Places in `advisories`, likewise.
    advised: HashMap<String, Vec<usize>>,
    /// Advisories that name packages.
    on_packages: Vec<usize>,
}

impl Notices {
    pub(super) fn new(exceptions: Vec<Exception>, advisories: Vec<Advisory>) -> Self {
        let mut notices = Self::default();
        for (at, exception) in exceptions.iter().enumerate() {
            note(&mut notices.excepted, &exception.vulnerabilities, at);
        }
        for (at, advisory) in advisories.iter().enumerate() {
            note(&mut notices.advised, &advisory.vulnerabilities, at);
            if !advisory.packages.is_empty() {
                notices.on_packages.push(at);
            }
        }
        Self {
            exceptions,
            advisories,
            ..notices
        }
    }

    pub(super) fn exceptions(&self) -> &[Exception] {
        &self.exceptions
    }

    pub(super) fn advisories(&self) -> &[Advisory] {
        &self.advisories
    }

    /// The exception that accepts a finding in `repository` for longest, past ends
    /// among them.
    pub(super) fn exception(
        &self,
        finding: &Finding,
        repository: &Repository,
    ) -> Option<&Exception> {
        candidates(&self.excepted, finding)
            .map(|at| &self.exceptions[at])
            .filter(|it| it.accepts(finding) && it.images.matches(repository))
            .max_by(|a, b| (a.expires, &b.id).cmp(&(b.expires, &a.id)))
    }

    /// The exception that accepts the end of life in `repository` for longest,
    /// past ends among them.
    pub(super) fn end_of_life(&self, repository: &Repository) -> Option<&Exception> {
        self.exceptions
            .iter()
            .filter(|it| it.accepts_end_of_life && it.images.matches(repository))
            .max_by(|a, b| (a.expires, &b.id).cmp(&(b.expires, &a.id)))
    }

    /// The advisories that speak of a finding and hold at `now`, in their order.
    pub(super) fn advisories_on(&self, finding: &Finding, now: Timestamp) -> Vec<&Advisory> {
        if self.advisories.is_empty() {
            return Vec::new();
        }
        let named = candidates(&self.advised, finding);
        let mut places: Vec<usize> = named.chain(self.on_packages.iter().copied()).collect();
        places.sort_unstable();
        places.dedup();
        let advisories = places.into_iter().map(|at| &self.advisories[at]);
        advisories
            .filter(|it| it.holds(now) && it.concerns(finding))
            .collect()
    }

    /// The advisories that name packages and hold at `now`.
    pub(super) fn on_packages(&self, now: Timestamp) -> impl Iterator<Item = &Advisory> {
        let advisories = self.on_packages.iter().map(|at| &self.advisories[*at]);
        advisories.filter(move |it| it.holds(now))
    }

    /// The advisories that name digests and hold at `now`.
    pub(super) fn on_digests(&self, now: Timestamp) -> impl Iterator<Item = &Advisory> {
        let advisories = self.advisories.iter();
        advisories.filter(move |it| !it.digests.is_empty() && it.holds(now))
    }
}

fn note(places: &mut HashMap<String, Vec<usize>>, ids: &[String], at: usize) {
    for id in ids {
        places.entry(id.to_ascii_lowercase()).or_default().push(at);
    }
}

/// Where a finding's ids stand in `places`.
fn candidates<'a>(
    places: &'a HashMap<String, Vec<usize>>,
    finding: &'a Finding,
) -> impl Iterator<Item = usize> {
    let ids = std::iter::once(&finding.id).chain(&finding.aliases);
    let known = ids.filter(|_| !places.is_empty());
    known
        .filter_map(|id| places.get(&id.to_ascii_lowercase()))
        .flatten()
        .copied()
}
