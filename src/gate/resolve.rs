//! Tag to digest: once per pull, and the digest is what is judged and served.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Gate, Pull, Refusal};
use crate::metrics::UpstreamLabels;
use crate::oci::{Digest, Reference, RegistryHost, Repository, RepositoryGlobs, Tag};
use crate::trust::{Environment, Rulebook};
use crate::upstream::{self, TagMemory, Upstream, UpstreamError};

/// A configured upstream, as the gate reaches it.
pub struct Reachable {
    pub host: RegistryHost,
    /// The component under the gateway's own name.
    pub path: String,
    /// What it serves; empty: everything.
    pub repositories: RepositoryGlobs,
    pub tag_ttl: SignedDuration,
    pub upstream: Arc<Upstream>,
    pub tags: Arc<TagMemory>,
}

impl Reachable {
    pub fn host(&self) -> &RegistryHost {
        &self.host
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn serves(&self, repository: &Repository) -> bool {
        self.repositories.empty_or_matches(repository)
    }

    pub fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    /// How it was last seen.
    pub fn health(&self) -> upstream::Health {
        self.upstream.health()
    }

    pub fn tag_ttl(&self) -> SignedDuration {
        self.tag_ttl
    }
}

/// What a reference means now.
#[derive(Debug)]
pub struct Resolved {
    pub digest: Digest,
    /// Said to the client when the answer is older than it should be.
    pub warning: Option<String>,
}

impl Gate {
    pub(super) fn reachable(&self, repository: &Repository) -> Result<&Reachable, Refusal> {
        self.upstreams
            .get(repository.host())
            .ok_or(Refusal::NameUnknown)
    }

    /// The digest that `reference` means, when memory knows it. Allocates nothing
    /// for a digest.
    pub(super) fn known_digest(
        &self,
        pull: Pull<'_>,
        environment: &Environment,
        reference: &Reference,
    ) -> Option<Digest> {
        let repository = &pull.target.repository;
        match reference {
            Reference::Digest(digest) => Some(digest.clone()),
            Reference::Tag(_) if environment.settings(repository).promoted_tags => None,
            Reference::Tag(tag) => {
                let reachable = self.upstreams.get(repository.host())?;
                reachable.tags.peek(repository.name(), tag, pull.now)
            }
        }
    }

    /// The digest that `reference` means, asked of the upstream when need be.
    pub(super) async fn resolve(
        &self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        reference: &Reference,
    ) -> Result<Resolved, Refusal> {
        let tag = match reference {
            Reference::Digest(digest) => return Ok(Resolved::fresh(digest.clone())),
            Reference::Tag(tag) => tag,
        };
        let repository = &pull.target.repository;
        let environment = rulebook.environment(&pull.asker.listener.environment);
        if environment.is_some_and(|e| e.settings(repository).promoted_tags) {
            let promoted = self.promoted(pull, tag);
            return promoted
                .map(Resolved::fresh)
                .ok_or(Refusal::ManifestUnknown);
        }
        self.resolve_upstream(pull, tag).await
    }

    async fn resolve_upstream(&self, pull: Pull<'_>, tag: &Tag) -> Result<Resolved, Refusal> {
        let repository = &pull.target.repository;
        let reachable = self.reachable(repository)?;
        match reachable
            .tags
            .resolve(repository.name(), tag, pull.now)
            .await
        {
            Ok(found) if found.stale => Ok(self.stale(pull, tag, found.digest)),
            Ok(found) => Ok(Resolved::fresh(found.digest)),
            Err(UpstreamError::NotFound) => Err(Refusal::ManifestUnknown),
            Err(error) => match self.promoted(pull, tag) {
                Some(digest) => Ok(self.stale(pull, tag, digest)),
                None => Err(error.into()),
            },
        }
    }

    /// The digest last promoted under `tag`. Memory only.
    pub(super) fn promoted(&self, pull: Pull<'_>, tag: &Tag) -> Option<Digest> {
        let environment = &pull.asker.listener.environment;
        self.ledger
            .promoted(environment, &pull.target.repository, tag)
    }

    /// The upstream is down: what is known of the tag still counts, and is
    /// served if it is admitted and cached.
    fn stale(&self, pull: Pull<'_>, tag: &Tag, digest: Digest) -> Resolved {
        let host = pull.target.repository.host();
        let labels = UpstreamLabels {
            upstream: host.as_str().into(),
        };
        self.metrics.stale_tags.get_or_create(&labels).inc();
        let warning = format!("sekisho: {host} is unreachable; {tag} is the digest known before");
        Resolved {
            digest,
            warning: Some(warning),
        }
    }

    /// The last digest known of a tag, however old. Memory only.
    pub(super) fn last_known(&self, repository: &Repository, tag: &Tag) -> Option<Digest> {
        self.upstreams
            .get(repository.host())?
            .tags
            .last_known(repository.name(), tag)
    }

    /// Resolves a tag for people and pipelines, asking the upstream anew.
    pub(super) async fn resolve_now(
        &self,
        repository: &Repository,
        tag: &Tag,
        now: Timestamp,
    ) -> Result<Digest, Refusal> {
        let reachable = self.reachable(repository)?;
        reachable.tags.forget(repository.name(), tag);
        match reachable.tags.resolve(repository.name(), tag, now).await {
            Ok(found) => Ok(found.digest),
            Err(UpstreamError::NotFound) => Err(Refusal::ManifestUnknown),
            Err(error) => Err(error.into()),
        }
    }
}

impl Resolved {
    fn fresh(digest: Digest) -> Self {
        Self {
            digest,
            warning: None,
        }
    }
}
