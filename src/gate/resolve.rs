//! Whether a repository is served at all, and which digest a reference means
//! there: once per pull, and that digest is what is judged and served.

use std::sync::Arc;

use super::attachments::Attachments;
use super::pull::{Halt, Lane, Pull};
use super::record::AuditLossRule;
use super::refusal::Refusal;
use super::upstreams::Upstreams;
use crate::ledger::Ledger;
use crate::oci::{Digest, Reference, Repository, Tag, listed};
use crate::trust::{Denial, DenialReason, Environment, MAX_LIST_CHARS, Requirement, Rulebook};
use crate::upstream::UpstreamError;

/// What a reference means now.
#[derive(Debug)]
pub(super) struct ResolvedReference {
    pub(super) digest: Digest,
    /// Said to the client when the answer is older than it should be.
    pub(super) warning: Option<String>,
}

/// Resolves a reference to its digest: the promoted one, or the upstream's.
pub(super) struct Resolver {
    upstreams: Arc<Upstreams>,
    ledger: Arc<Ledger>,
    attachments: Arc<Attachments>,
    audit_loss: AuditLossRule,
}

impl Resolver {
    pub(super) fn new(
        upstreams: Arc<Upstreams>,
        ledger: Arc<Ledger>,
        attachments: Arc<Attachments>,
        audit_loss: AuditLossRule,
    ) -> Self {
        Self {
            upstreams,
            ledger,
            attachments,
            audit_loss,
        }
    }

    /// The environment of a pull, where the asker's own rights, and the operator's lists
    /// of upstreams and repositories, do not leave its repository out.
    pub(super) fn limits<'a>(
        &self,
        pull: Pull<'_>,
        rulebook: &'a Rulebook,
    ) -> Result<&'a Environment, Halt> {
        if let Some(denial) = self.audit_loss.denial() {
            return Err(Halt::NotServed(denial));
        }
        let environment = rulebook.environment(pull.environment());
        let environment = environment.ok_or_else(|| Halt::NotServed(no_environment()))?;
        let repository = pull.repository();
        if let Some(denial) = pull.client.barred(Some(repository)) {
            return Err(Halt::NotServed(denial));
        }
        let Some(upstream) = self.upstreams.get(repository.host()) else {
            return Ok(environment);
        };
        let permitted = environment.permits_upstream(repository, repository.host())
            && pull.client.listener.serves(repository)
            && upstream.serves(repository);
        match permitted {
            true => Ok(environment),
            false => Err(Halt::NotServed(not_served(repository, environment))),
        }
    }

    /// The digest that `reference` means, in the lane of the pull.
    pub(super) async fn resolve(
        &self,
        pull: Pull<'_>,
        environment: &Environment,
        reference: &Reference,
        lane: Lane,
    ) -> Result<ResolvedReference, Halt> {
        let resolved = self.look_up(pull, environment, reference, lane).await?;
        if let (Lane::Layered, Reference::Tag(tag)) = (lane, reference)
            && let Some(subject) = tag.attached_to()
        {
            let attachments = &self.attachments;
            attachments.note(pull.repository(), &resolved.digest, subject);
        }
        Ok(resolved)
    }

    async fn look_up(
        &self,
        pull: Pull<'_>,
        environment: &Environment,
        reference: &Reference,
        lane: Lane,
    ) -> Result<ResolvedReference, Halt> {
        if let Some(digest) = self.known(pull, environment, reference) {
            return Ok(ResolvedReference::fresh(digest));
        }
        lane.may_wait()?;
        let tag = match reference {
            Reference::Digest(digest) => return Ok(ResolvedReference::fresh(digest.clone())),
            Reference::Tag(tag) => tag,
        };
        if serves_promoted(pull, environment, tag) {
            let promoted = self.promoted(pull, tag).await?;
            let promoted = promoted.ok_or_else(|| tag_not_promoted(pull, tag))?;
            return Ok(ResolvedReference::fresh(promoted));
        }
        let ask = self.ask_upstream(pull, environment, tag, reference);
        Ok(Box::pin(ask).await?)
    }

    /// What memory knows of `reference`, and may still say. Allocates nothing for
    /// a digest.
    pub(super) fn known(
        &self,
        pull: Pull<'_>,
        environment: &Environment,
        reference: &Reference,
    ) -> Option<Digest> {
        let repository = pull.repository();
        match reference {
            Reference::Digest(digest) => Some(digest.clone()),
            Reference::Tag(tag) if serves_promoted(pull, environment, tag) => None,
            Reference::Tag(_) => {
                let tags = &self.upstreams.get(repository.host())?.tags;
                let known = tags.known(repository.name(), reference, pull.now)?;
                Some(known.head.digest)
            }
        }
    }

    async fn ask_upstream(
        &self,
        pull: Pull<'_>,
        environment: &Environment,
        tag: &Tag,
        reference: &Reference,
    ) -> Result<ResolvedReference, Refusal> {
        let repository = pull.repository();
        let (tags, name) = (&self.upstreams.of(repository)?.tags, repository.name());
        // Where only what is promoted passes, nothing newer would: no need to wait long.
        let settings = environment.settings(repository);
        let otherwise = self.promoted(pull, tag).await?;
        let in_haste = otherwise.is_some() && settings.requires(Requirement::Promotion);
        let asked = match in_haste {
            true => tags.resolve_soon(name, reference, pull.now).await,
            false => tags.resolve(name, reference, pull.now).await,
        };
        match asked {
            Ok(found) if found.stale => {
                let known = format!("the digest known {} s ago", found.age.as_secs());
                Ok(stale(pull, tag, found.head.digest, &known))
            }
            Ok(found) => Ok(ResolvedReference::fresh(found.head.digest)),
            Err(UpstreamError::NotFound) => Err(Refusal::ManifestUnknown),
            Err(error) => match otherwise {
                Some(digest) => Ok(stale(pull, tag, digest, "the digest promoted last")),
                None => Err(error.into()),
            },
        }
    }

    /// The digest last promoted under `tag`. Memory only, once the ledger is loaded.
    async fn promoted(&self, pull: Pull<'_>, tag: &Tag) -> Result<Option<Digest>, Refusal> {
        let (environment, repository) = (pull.environment(), pull.repository());
        let promoted = self.ledger.promoted(environment, repository, tag).await;
        promoted.map_err(|error| Refusal::later(&error.to_string()))
    }

    /// The digest that a pull of `tag` would mean, by what was learnt last,
    /// however long ago. No upstream is asked.
    pub(super) async fn last_known(
        &self,
        pull: Pull<'_>,
        environment: &Environment,
        tag: &Tag,
    ) -> Option<Digest> {
        let repository = pull.repository();
        if serves_promoted(pull, environment, tag) {
            return self.promoted(pull, tag).await.ok()?;
        }
        let tags = &self.upstreams.get(repository.host())?.tags;
        match tags.last_known(repository.name(), &Reference::Tag(tag.clone())) {
            Some(digest) => Some(digest),
            None => self.promoted(pull, tag).await.ok()?,
        }
    }

    /// Resolves a tag for the admin API, by a new request to the upstream.
    pub(super) async fn resolve_now(
        &self,
        repository: &Repository,
        tag: &Tag,
    ) -> Result<Digest, Refusal> {
        let upstream = &self.upstreams.of(repository)?.upstream;
        let reference = Reference::Tag(tag.clone());
        match upstream.head_manifest(repository.name(), &reference).await {
            Ok(head) => Ok(head.digest),
            Err(UpstreamError::NotFound) => Err(Refusal::ManifestUnknown),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether `tag` means what was last promoted under it. What cosign attaches to an image
/// is not promoted by itself.
pub(super) fn serves_promoted(pull: Pull<'_>, environment: &Environment, tag: &Tag) -> bool {
    environment.settings(pull.repository()).promoted_tags && tag.attached_to().is_none()
}

/// What lies upstream under the tag, if anything, does not count.
fn tag_not_promoted(pull: Pull<'_>, tag: &Tag) -> Refusal {
    let (environment, repository) = (pull.environment(), pull.repository());
    Refusal::TagNotPromoted(Arc::new(Denial::new(
        DenialReason::NotPromoted,
        format!(
            "no digest was promoted as {tag} to {environment}, where tags mean what was promoted"
        ),
        format!(
            "ask a promoter to run: sekisho promote {repository}:{tag} --resolve --to {environment}"
        ),
    )))
}

fn no_environment() -> Denial {
    Denial::new(
        DenialReason::RegistryNotPermitted,
        "its environment is not configured",
        "run: sekisho check-config",
    )
}

fn not_served(repository: &Repository, environment: &Environment) -> Denial {
    let upstreams = &environment.settings(repository).upstreams;
    let only: Vec<&str> = upstreams.iter().map(|host| host.as_str()).collect();
    let next_step = if only.is_empty() {
        format!("ask the operator to list it for {}", environment.name)
    } else {
        format!(
            "{} pulls only from {}",
            environment.name,
            listed(&only, MAX_LIST_CHARS)
        )
    };
    Denial::new(
        DenialReason::RegistryNotPermitted,
        format!("{repository} is not served to {}", environment.name),
        next_step,
    )
}

/// The upstream is down or silent: what is known of the tag still counts, and is served
/// if it is admitted and cached.
fn stale(pull: Pull<'_>, tag: &Tag, digest: Digest, known: &str) -> ResolvedReference {
    let host = pull.repository().host();
    ResolvedReference {
        digest,
        warning: Some(format!(
            "sekisho: stale: {host} does not answer now; {tag} is {known}"
        )),
    }
}

impl ResolvedReference {
    fn fresh(digest: Digest) -> Self {
        Self {
            digest,
            warning: None,
        }
    }
}
