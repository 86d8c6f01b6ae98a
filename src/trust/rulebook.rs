//! The whole policy under one revision.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::effective_finding::raising;
use super::vulnerability_policy::VulnerabilityPolicy;
use super::{
    Advisory, Effect, Environment, EnvironmentName, Exception, Exposure, ExposureRule,
    ExposureSource, Requirement,
};
use crate::oci::{Digest, RegistryHost, Repository};
use crate::report::Finding;

/// An upstream that vouches: evidence may be missing for its images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouching {
    pub upstream: RegistryHost,
    pub environments: Vec<EnvironmentName>,
    pub requirements: Vec<Requirement>,
    /// Ends then, whatever the upstream holds.
    pub until: Timestamp,
}

impl Vouching {
    fn covers(&self, upstream: &RegistryHost, environment: &EnvironmentName) -> bool {
        self.upstream == *upstream && self.environments.contains(environment)
    }
}

/// The source of a rulebook: the configuration's sections of policy, and the files of
/// exceptions and advisories.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub environments: Vec<Environment>,
    pub exposures: Vec<ExposureRule>,
    pub vouchings: Vec<Vouching>,
    pub exceptions: Vec<Exception>,
    pub advisories: Vec<Advisory>,
}

/// The policy: swapped whole, read once by each request.
#[derive(Clone, Debug, Default)]
pub struct Rulebook {
    revision: u64,
    environments: BTreeMap<EnvironmentName, Environment>,
    exposures: Vec<ExposureRule>,
    vouchings: Vec<Vouching>,
    pub(super) vulnerability_policy: VulnerabilityPolicy,
}

impl Rulebook {
    /// `revision` must differ whenever anything in `rules` does.
    pub fn new(revision: u64, rules: Rules) -> Self {
        let named = |environment: Environment| (environment.name.clone(), environment);
        Self {
            revision,
            environments: rules.environments.into_iter().map(named).collect(),
            exposures: rules.exposures,
            vouchings: rules.vouchings,
            vulnerability_policy: VulnerabilityPolicy::new(rules.exceptions, rules.advisories),
        }
    }

    pub fn exceptions(&self) -> &[Exception] {
        self.vulnerability_policy.exceptions()
    }

    pub fn advisories(&self) -> &[Advisory] {
        self.vulnerability_policy.advisories()
    }

    /// The advisory that raises a finding at `now`: no exception accepts what one raises.
    pub fn raising(&self, finding: &Finding, now: Timestamp) -> Option<&Advisory> {
        let advisories = self.vulnerability_policy.advisories_on(finding, now);
        raising(&advisories).map(|(by, _)| by)
    }

    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn environment(&self, name: &EnvironmentName) -> Option<&Environment> {
        self.environments.get(name)
    }

    pub fn environments(&self) -> impl Iterator<Item = &Environment> {
        self.environments.values()
    }

    /// Exposure of a pull: the first rule for the repository, else the listener's.
    pub fn exposure(
        &self,
        repository: &Repository,
        listener: Exposure,
    ) -> (Exposure, ExposureSource) {
        self.exposure_rule(repository)
            .map_or((listener, ExposureSource::Listener), |rule| {
                (rule.exposure, ExposureSource::Rule(rule.reason.clone()))
            })
    }

    /// The same without its source.
    pub fn exposure_of(&self, repository: &Repository, listener: Exposure) -> Exposure {
        self.exposure_rule(repository)
            .map_or(listener, |rule| rule.exposure)
    }

    fn exposure_rule(&self, repository: &Repository) -> Option<&ExposureRule> {
        self.exposures
            .iter()
            .find(|rule| rule.repositories.matches(repository))
    }

    /// Whether an advisory that holds at `now` blocks this very digest.
    pub fn blocks(&self, digest: &Digest, now: Timestamp) -> bool {
        let mut on_digests = self.vulnerability_policy.digest_advisories(now);
        on_digests.any(|it| it.effect == Effect::Block && it.digests.contains(digest))
    }

    /// The digests that advisories block at `now`.
    pub fn blocked_digests(&self, now: Timestamp) -> impl Iterator<Item = &Digest> {
        let on_digests = self.vulnerability_policy.digest_advisories(now);
        let blocking = on_digests.filter(|it| it.effect == Effect::Block);
        blocking.flat_map(|it| &it.digests)
    }

    /// Whether an advisory names a SHA-512 digest, whenever it holds.
    pub fn speaks_of_sha512(&self) -> bool {
        self.vulnerability_policy.speaks_of_sha512()
    }

    /// Whether an upstream vouches for anything in an environment.
    pub fn vouching(
        &self,
        upstream: &RegistryHost,
        environment: &EnvironmentName,
        now: Timestamp,
    ) -> Option<&Vouching> {
        self.vouchings
            .iter()
            .find(|vouching| vouching.covers(upstream, environment) && now < vouching.until)
    }

    /// Until when an upstream vouches for one requirement, past ends included; `None`: it
    /// never did.
    pub(super) fn vouched_until(
        &self,
        upstream: &RegistryHost,
        environment: &EnvironmentName,
        requirement: Requirement,
    ) -> Option<Timestamp> {
        let words = self.vouchings.iter().filter(|vouching| {
            vouching.covers(upstream, environment) && vouching.requirements.contains(&requirement)
        });
        words.map(|vouching| vouching.until).max()
    }
}
