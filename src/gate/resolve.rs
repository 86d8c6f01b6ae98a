//! Tag to digest: once per pull, and the digest is what is judged and served.

use jiff::SignedDuration;
use url::Url;

use super::{Gate, Pull, Refusal};
use crate::oci::{Digest, Reference, RegistryHost, Repository, RepositoryGlobs, Tag};
use crate::trust::{Environment, Rulebook};
use crate::upstream::{TagMemory, Upstream, UpstreamError};

/// A configured upstream, as the gate reaches it.
pub struct Reachable {
    pub host: RegistryHost,
    /// The component under the gateway's own name.
    pub path: String,
    /// What it serves; empty: everything.
    pub repositories: RepositoryGlobs,
    /// Where it is reached.
    pub url: Url,
    pub tag_ttl: SignedDuration,
    pub upstream: Upstream,
    pub tags: TagMemory,
}

impl Reachable {
    pub fn serves(&self, repository: &Repository) -> bool {
        self.repositories.empty_or_matches(repository)
    }

    /// The image as a client that goes past the gateway must name it:
    /// `host[:port]/name@digest`.
    pub fn direct(&self, repository: &Repository, digest: &Digest) -> String {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port().map(|port| format!(":{port}"));
        format!(
            "{host}{}/{}@{digest}",
            port.unwrap_or_default(),
            repository.name()
        )
    }

    /// Whether it is reached without TLS.
    pub fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
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
            Reference::Tag(_) => {
                let reachable = self.upstreams.get(repository.host())?;
                let known = reachable
                    .tags
                    .known(repository.name(), reference, pull.now)?;
                Some(known.head.digest)
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
        self.resolve_upstream(pull, tag, reference).await
    }

    async fn resolve_upstream(
        &self,
        pull: Pull<'_>,
        tag: &Tag,
        reference: &Reference,
    ) -> Result<Resolved, Refusal> {
        let repository = &pull.target.repository;
        let reachable = self.reachable(repository)?;
        let found = reachable
            .tags
            .resolve(repository.name(), reference, pull.now);
        match found.await {
            Ok(found) if found.stale => Ok(stale(pull, tag, found.head.digest)),
            Ok(found) => Ok(Resolved::fresh(found.head.digest)),
            Err(UpstreamError::NotFound) => Err(Refusal::ManifestUnknown),
            Err(error) => match self.promoted(pull, tag) {
                Some(digest) => Ok(stale(pull, tag, digest)),
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

    /// The digest that a pull of `tag` would mean, by what was learnt last,
    /// however long ago. Memory only.
    pub(super) fn last_known(
        &self,
        pull: Pull<'_>,
        rulebook: &Rulebook,
        tag: &Tag,
    ) -> Option<Digest> {
        let repository = &pull.target.repository;
        let environment = rulebook.environment(&pull.asker.listener.environment)?;
        if environment.settings(repository).promoted_tags {
            return self.promoted(pull, tag);
        }
        let tags = &self.upstreams.get(repository.host())?.tags;
        tags.last_known(repository.name(), &Reference::Tag(tag.clone()))
            .or_else(|| self.promoted(pull, tag))
    }

    /// Resolves a tag for people and pipelines, asking the upstream anew.
    pub(super) async fn resolve_now(
        &self,
        repository: &Repository,
        tag: &Tag,
    ) -> Result<Digest, Refusal> {
        let upstream = &self.reachable(repository)?.upstream;
        let reference = Reference::Tag(tag.clone());
        match upstream.head_manifest(repository.name(), &reference).await {
            Ok(head) => Ok(head.digest),
            Err(UpstreamError::NotFound) => Err(Refusal::ManifestUnknown),
            Err(error) => Err(error.into()),
        }
    }
}

/// The upstream is down: what is known of the tag still counts, and is served
/// if it is admitted and cached.
fn stale(pull: Pull<'_>, tag: &Tag, digest: Digest) -> Resolved {
    let host = pull.target.repository.host();
    Resolved {
        digest,
        warning: Some(format!(
            "sekisho: {host} is unreachable; {tag} is the digest known before"
        )),
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
