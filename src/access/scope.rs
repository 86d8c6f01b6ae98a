//! What a token reaches: repositories and environments.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::oci::Repository;

/// A set of repositories by globs over `host/name`, and of environments by name.
/// An empty list reaches all. `*` stays within a component, `**` crosses them.
#[derive(Clone, Debug)]
pub struct Scope {
    repositories: Globs,
    environments: Vec<String>,
}

/// Globs over `host/name`, beside the text they were written as.
#[derive(Clone, Debug)]
struct Globs {
    written: Vec<String>,
    set: GlobSet,
}

/// A glob that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{glob:?} is no glob over repositories: {problem}")]
pub struct BadScope {
    pub glob: String,
    pub problem: String,
}

impl Scope {
    pub fn new(repositories: Vec<String>, environments: Vec<String>) -> Result<Self, BadScope> {
        let set = compile(&repositories)?;
        Ok(Self {
            repositories: Globs {
                written: repositories,
                set,
            },
            environments,
        })
    }

    /// Reaches everything.
    pub fn everything() -> Self {
        Self {
            repositories: Globs {
                written: Vec::new(),
                set: GlobSet::empty(),
            },
            environments: Vec::new(),
        }
    }

    pub fn covers_repository(&self, repository: &Repository) -> bool {
        self.repositories.written.is_empty()
            || self.repositories.set.is_match(repository.to_string())
    }

    pub fn covers_environment(&self, environment: &str) -> bool {
        self.environments.is_empty() || self.environments.iter().any(|name| name == environment)
    }

    pub fn repositories(&self) -> &[String] {
        &self.repositories.written
    }

    pub fn environments(&self) -> &[String] {
        &self.environments
    }
}

fn compile(globs: &[String]) -> Result<GlobSet, BadScope> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let bad = |error: globset::Error| BadScope {
            glob: glob.clone(),
            problem: error.kind().to_string(),
        };
        set.add(
            GlobBuilder::new(glob)
                .literal_separator(true)
                .build()
                .map_err(bad)?,
        );
    }
    set.build().map_err(|error| BadScope {
        glob: globs.join(", "),
        problem: error.kind().to_string(),
    })
}

#[derive(Serialize, Deserialize)]
struct Written {
    repositories: Vec<String>,
    environments: Vec<String>,
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written {
            repositories: self.repositories.written.clone(),
            environments: self.environments.clone(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        Self::new(written.repositories, written.environments).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(glob: &str, repository: &str) -> bool {
        Scope::new(vec![glob.to_owned()], Vec::new())
            .unwrap()
            .covers_repository(&Repository::parse(repository).unwrap())
    }

    #[test]
    fn one_star_stays_within_a_component() {
        assert!(covers("registry.corp/team/*", "registry.corp/team/app"));
        assert!(!covers(
            "registry.corp/team/*",
            "registry.corp/team/app/sub"
        ));
        assert!(covers(
            "registry.corp/team/**",
            "registry.corp/team/app/sub"
        ));
    }

    #[test]
    fn a_host_is_matched_whole() {
        assert!(!covers("docker.io/**", "docker.io.evil.example/x"));
        assert!(!covers("registry.corp/team", "registry.corp/team-evil"));
    }
}
