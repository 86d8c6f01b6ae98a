//! Environments: where images run, and how strictly they are judged.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{NodePolicy, Settings};
use crate::oci::{Digest, RegistryHost, Repository, RepositoryGlobs};

/// Why a string names no environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an environment's name is 1 to 63 of a-z, 0-9 and - and begins with a letter")]
pub struct EnvironmentNameError;

/// The name of an environment: `production`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EnvironmentName(Arc<str>);

impl EnvironmentName {
    /// Reads lower-case letters, digits and hyphens, a letter first, 63 at most.
    ///
    /// # Errors
    /// [`EnvironmentNameError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, EnvironmentNameError> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let good = text.len() <= 63
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(inner);
        good.then(|| Self(Arc::from(text)))
            .ok_or(EnvironmentNameError)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnvironmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for EnvironmentName {
    type Err = EnvironmentNameError;

    fn from_str(text: &str) -> Result<Self, EnvironmentNameError> {
        Self::parse(text)
    }
}

impl Serialize for EnvironmentName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EnvironmentName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// An image served without evidence, since nodes could not start without it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformImage {
    pub digest: Digest,
    pub reason: String,
}

/// One environment of the policy.
#[derive(Clone, Debug)]
pub struct Environment {
    pub name: EnvironmentName,
    /// What holds where no rule says otherwise.
    pub settings: Settings,
    /// The first whose globs match replaces `settings`, key by key, already merged.
    pub rules: Vec<(RepositoryGlobs, Settings)>,
    pub platform_images: Vec<PlatformImage>,
    /// `None`: no agents of it are answered.
    pub nodes: Option<NodePolicy>,
}

impl Environment {
    /// What holds for `repository`.
    pub fn settings(&self, repository: &Repository) -> &Settings {
        self.rules
            .iter()
            .find(|(globs, _)| globs.matches(repository))
            .map_or(&self.settings, |(_, settings)| settings)
    }

    /// Whether this environment may pull from `host` at all.
    pub fn permits_upstream(&self, repository: &Repository, host: &RegistryHost) -> bool {
        let upstreams = &self.settings(repository).upstreams;
        upstreams.is_empty() || upstreams.contains(host)
    }

    /// Whether it may pull anything from `host`, whatever the repository.
    pub fn may_permit_upstream(&self, host: &RegistryHost) -> bool {
        let rules = self.rules.iter().map(|(_, settings)| settings);
        let mut all = rules.chain([&self.settings]);
        all.any(|it| it.upstreams.is_empty() || it.upstreams.contains(host))
    }

    pub fn platform_image(&self, digest: &Digest) -> Option<&PlatformImage> {
        self.platform_images
            .iter()
            .find(|image| image.digest == *digest)
    }
}
