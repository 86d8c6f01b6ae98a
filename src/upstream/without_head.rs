//! Repositories whose upstream tells of no manifest by HEAD.
//!
//! It answers 405 or the like, or without a digest, and GET well: without this memory
//! every look-up of a tag would cost two requests.

use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::oci::RepositoryName;

/// Repositories remembered at most: a name has 255 bytes at most, so about 1.5 MiB.
const MAX_REPOSITORIES: usize = 4096;
/// For how long HEAD is not tried again. It is cheaper for both where it works, and
/// counts less against rate limits.
const MEMORY: Duration = Duration::from_mins(10);

/// A memory of repositories, each with the time until which GET is asked at once.
pub(super) struct WithoutHead(Cache<RepositoryName, Instant>);

impl WithoutHead {
    pub(super) fn new() -> Self {
        Self(Cache::new(MAX_REPOSITORIES))
    }

    /// Whether HEAD need not be tried.
    pub(super) fn holds(&self, name: &RepositoryName, now: Instant) -> bool {
        self.0.get(name).is_some_and(|until| now < until)
    }

    /// A manifest of `name` was told of by GET and not by HEAD. Where HEAD was not
    /// tried, that says nothing new.
    pub(super) fn note(&self, name: &RepositoryName, now: Instant) {
        if !self.holds(name, now) {
            self.0.insert(name.clone(), now + MEMORY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_is_tried_again_after_a_while() {
        let memory = WithoutHead::new();
        let name = RepositoryName::parse("library/app").unwrap();
        let start = Instant::now();
        assert!(!memory.holds(&name, start));
        memory.note(&name, start);
        assert!(memory.holds(&name, start));
        // A look-up in the meantime does not prolong it.
        memory.note(&name, start + MEMORY / 2);
        assert!(!memory.holds(&name, start + MEMORY));
    }
}
