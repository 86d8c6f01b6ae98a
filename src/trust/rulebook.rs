//! The whole policy under one revision.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Environment, EnvironmentName, Exposure, ExposureRule, ExposureSource, Requirement};
use crate::oci::{RegistryHost, Repository};

/// An upstream whose word stands in for absent evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouching {
    pub upstream: RegistryHost,
    pub environments: Vec<EnvironmentName>,
    pub requirements: Vec<Requirement>,
    /// Ends then, whatever the upstream holds.
    pub until: Timestamp,
}

/// The policy: swapped whole, read once by each request.
#[derive(Clone, Debug, Default)]
pub struct Rulebook {
    revision: u64,
    environments: BTreeMap<EnvironmentName, Environment>,
    exposures: Vec<ExposureRule>,
    vouchings: Vec<Vouching>,
}

impl Rulebook {
    /// `revision` must differ whenever anything else does.
    pub fn new(
        revision: u64,
        environments: Vec<Environment>,
        exposures: Vec<ExposureRule>,
        vouchings: Vec<Vouching>,
    ) -> Self {
        let named = |environment: Environment| (environment.name.clone(), environment);
        Self {
            revision,
            environments: environments.into_iter().map(named).collect(),
            exposures,
            vouchings,
        }
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

    /// Whether and how an upstream vouches in an environment.
    pub fn vouching(
        &self,
        upstream: &RegistryHost,
        environment: &EnvironmentName,
        now: Timestamp,
    ) -> Option<&Vouching> {
        self.vouchings.iter().find(|vouching| {
            vouching.upstream == *upstream
                && vouching.environments.contains(environment)
                && now < vouching.until
        })
    }
}
