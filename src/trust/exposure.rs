//! Whether requests from outside can reach what runs an image.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::oci::RepositoryGlobs;

/// Who can reach the service. What is not known is external.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Exposure {
    #[default]
    External,
    Internal,
}

impl Exposure {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::External => "external",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where an exposure came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "reason")]
pub enum ExposureSource {
    /// The listener's own.
    Listener,
    /// An `[[exposures]]` entry of the configuration, with its reason.
    Rule(String),
    /// The one who asks for a verdict said so.
    Asked,
    /// Outside requests reach the Pod, by this path through the cluster.
    Cluster(String),
}

/// A configured exposure of some repositories.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExposureRule {
    pub repositories: RepositoryGlobs,
    pub exposure: Exposure,
    pub reason: String,
}
