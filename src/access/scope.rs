//! What a token reaches: repositories and environments.

use serde::{Deserialize, Serialize};

use crate::oci::{Repository, RepositoryGlobs};

/// A set of repositories by globs over `host/name`, and of environments by name.
/// An empty list reaches all.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scope {
    repositories: RepositoryGlobs,
    environments: Vec<String>,
}

impl Scope {
    pub fn new(repositories: RepositoryGlobs, environments: Vec<String>) -> Self {
        Self {
            repositories,
            environments,
        }
    }

    /// Reaches everything.
    pub fn everything() -> Self {
        Self::new(RepositoryGlobs::none(), Vec::new())
    }

    pub fn covers_repository(&self, repository: &Repository) -> bool {
        self.repositories.empty_or_matches(repository)
    }

    pub fn covers_environment(&self, environment: &str) -> bool {
        self.environments.is_empty() || self.environments.iter().any(|name| name == environment)
    }

    pub fn repositories(&self) -> &[String] {
        self.repositories.written()
    }

    pub fn environments(&self) -> &[String] {
        &self.environments
    }
}
