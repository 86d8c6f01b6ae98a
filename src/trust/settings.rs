//! What an environment demands of an image.

use std::fmt;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::Exposure;
use crate::oci::{Child, ImageContent, MediaType, Platform, RegistryHost, RepositoryGlobs};
use crate::report::Severity;

/// What a denial does; the laxest first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Lets through and records what would have been denied.
    Audit,
    /// The same, and shows warnings.
    Warn,
    #[default]
    Enforce,
}

impl Mode {
    pub const ALL: [Self; 3] = [Self::Audit, Self::Warn, Self::Enforce];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Warn => "warn",
            Self::Enforce => "enforce",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Evidence that can be demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Requirement {
    Scan,
    Promotion,
}

impl Requirement {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Promotion => "promotion",
        }
    }
}

/// What secrets do that a scanner found in an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretsPolicy {
    /// They are shown, and deny nothing.
    #[default]
    Ignore,
    /// One of any severity denies.
    Deny,
}

/// The worst severity that still passes, by exposure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ceilings {
    pub external: Severity,
    pub internal: Severity,
}

impl Ceilings {
    pub const fn of(self, exposure: Exposure) -> Severity {
        match exposure {
            Exposure::External => self.external,
            Exposure::Internal => self.internal,
        }
    }
}

/// Every key of judgement, with its value for some repositories.
#[derive(Clone, Debug)]
pub struct Settings {
    pub mode: Mode,
    /// Upstreams that may be pulled from; empty: all of them.
    pub upstreams: Vec<RegistryHost>,
    pub require: Vec<Requirement>,
    pub ceilings: Ceilings,
    /// What a finding without severity counts as.
    pub unknown_severity: Severity,
    pub secrets: SecretsPolicy,
    /// Platforms that are deployed; empty: every platform of an index.
    pub platforms: Vec<Platform>,
    pub max_report_age: SignedDuration,
    /// Age of the vulnerability database at the time of the scan.
    pub max_database_age: SignedDuration,
    pub require_database_date: bool,
    pub allow_end_of_life: bool,
    /// How long a stale scan is only a warning for what was served here before.
    pub grace_for_admitted: SignedDuration,
    /// The same for a report that is worse than the ceiling.
    pub grace_for_worse: SignedDuration,
    /// How long an image waits from when it was first seen here.
    pub min_age: SignedDuration,
    /// A tag answers with the digest last promoted under it.
    pub promoted_tags: bool,
    /// Repositories whose admitted images others must begin with; empty: nothing is
    /// demanded.
    pub trusted_bases: RepositoryGlobs,
    /// Artifact types served as referrers of a permitted image.
    pub referrer_types: Vec<MediaType>,
    /// Artifact types, other than images, served at all.
    pub artifact_types: Vec<MediaType>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Enforce,
            upstreams: Vec::new(),
            require: vec![Requirement::Scan, Requirement::Promotion],
            ceilings: Ceilings {
                external: Severity::Low,
                internal: Severity::High,
            },
            unknown_severity: Severity::Medium,
            secrets: SecretsPolicy::Ignore,
            platforms: Vec::new(),
            max_report_age: SignedDuration::from_hours(30 * 24),
            max_database_age: SignedDuration::from_hours(7 * 24),
            require_database_date: false,
            allow_end_of_life: false,
            grace_for_admitted: SignedDuration::from_hours(14 * 24),
            grace_for_worse: SignedDuration::ZERO,
            min_age: SignedDuration::ZERO,
            promoted_tags: false,
            trusted_bases: RepositoryGlobs::none(),
            referrer_types: Vec::new(),
            artifact_types: Vec::new(),
        }
    }
}

impl Settings {
    pub fn requires(&self, requirement: Requirement) -> bool {
        self.require.contains(&requirement)
    }

    /// Whether images of `platform` are deployed.
    pub fn deploys(&self, platform: &Platform) -> bool {
        self.platforms.is_empty() || self.platforms.contains(platform)
    }

    /// Whether a child of an index is deployed. What cannot be read counts by its
    /// descriptor's platform: its index lends it nothing, so a false one gains nothing.
    pub fn deploys_child(&self, child: &Child) -> bool {
        match child.image().map(|image| &image.content) {
            Some(ImageContent::Attestation) => false,
            Some(ImageContent::Runnable { platform, .. }) => self.deploys(platform),
            Some(ImageContent::Artifact { .. }) => true,
            None => {
                let platform = child.descriptor.platform.as_ref();
                platform.is_none_or(|platform| self.deploys(platform))
            }
        }
    }
}
