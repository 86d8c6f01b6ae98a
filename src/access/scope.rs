//! What a token reaches: repositories and environments.

use serde::{Deserialize, Serialize};

use crate::oci::{Repository, RepositoryGlobs};

/// A set of repositories by globs over `host/name`, and of environments by name.
/// An empty list reaches all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

    /// Whether something said of `others`, where none means all, can concern a
    /// repository of this scope.
    pub fn meets(&self, others: &RepositoryGlobs) -> bool {
        self.repositories.is_empty() || others.is_empty() || self.repositories.meet(others)
    }

    /// Whether nothing is left out.
    pub fn is_everything(&self) -> bool {
        self.repositories.is_empty() && self.environments.is_empty()
    }

    /// Whether it reaches every repository.
    pub fn covers_all_repositories(&self) -> bool {
        self.repositories.is_empty()
    }

    pub fn covers_environment(&self, environment: &str) -> bool {
        self.environments.is_empty() || self.environments.iter().any(|name| name == environment)
    }

    pub fn repository_globs(&self) -> &RepositoryGlobs {
        &self.repositories
    }

    pub fn repositories(&self) -> &[String] {
        self.repositories.written()
    }

    pub fn environments(&self) -> &[String] {
        &self.environments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globs(written: &[&str]) -> RepositoryGlobs {
        RepositoryGlobs::new(written.iter().map(|it| (*it).to_owned()).collect()).unwrap()
    }

    #[test]
    fn an_empty_list_reaches_all() {
        let repository = Repository::parse("registry.corp/team/app").unwrap();
        let scope = Scope::everything();
        assert!(scope.covers_repository(&repository) && scope.covers_environment("production"));
        assert!(scope.covers_all_repositories() && scope.meets(&globs(&["docker.io/**"])));
    }

    #[test]
    fn what_is_said_of_other_repositories_does_not_concern_it() {
        let scope = Scope::new(globs(&["registry.corp/team/*"]), Vec::new());
        for near in [
            "registry.corp/team/app",
            "registry.corp/**",
            "**",
            "*/team/app",
        ] {
            assert!(scope.meets(&globs(&["docker.io/x", near])), "{near}");
        }
        for far in [
            "registry.corp/other/app",
            "registry.corp/other/**",
            "docker.io/**",
        ] {
            assert!(!scope.meets(&globs(&[far])), "{far}");
        }
        assert!(scope.meets(&RepositoryGlobs::none()));
    }
}
