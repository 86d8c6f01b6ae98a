//! Lists of what refers to a manifest: only what would be served is named in them.

use std::sync::Arc;

use bytes::Bytes;

use super::closures::Closures;
use super::parts::Shared;
use super::pull::Pull;
use super::refusal::Refusal;
use super::upstreams::Upstreams;
use crate::ledger::Ledger;
use crate::oci::{Digest, MediaType, Referrer, write_referrers};
use crate::trust::{Environment, Rulebook, Settings};
use crate::upstream::UpstreamError;

/// Makes lists of referrers.
pub(super) struct ReferrerLists {
    ledger: Arc<Ledger>,
    closures: Arc<Closures>,
    upstreams: Arc<Upstreams>,
}

impl ReferrerLists {
    pub(super) fn new(shared: &Shared) -> Self {
        Self {
            ledger: shared.ledger.clone(),
            closures: shared.closures.clone(),
            upstreams: shared.upstreams.clone(),
        }
    }

    /// An index of what refers to a permitted manifest, of the types that are
    /// served (distribution-spec, "Listing Referrers").
    pub(super) async fn index(
        &self,
        pull: Pull<'_>,
        (rulebook, environment): (&Rulebook, &Environment),
        digest: &Digest,
        artifact_type: Option<&MediaType>,
    ) -> Result<Bytes, Refusal> {
        let settings = environment.settings(pull.repository());
        let listed = self.listed(pull, digest).await?;
        let served = listed.iter().filter(|entry| {
            is_served(settings, entry)
                && !self.is_spoken_against(pull, rulebook, entry.digest())
                && artifact_type.is_none_or(|wanted| entry.artifact_type() == Some(wanted))
        });
        let served: Vec<Referrer> = served.cloned().collect();
        Ok(write_referrers(&served))
    }

    /// Memory only: whether the pull of a referrer is sure to be denied, since it or
    /// something below it, as far as that is known, is revoked or blocked by an advisory.
    fn is_spoken_against(&self, pull: Pull<'_>, rulebook: &Rulebook, digest: &Digest) -> bool {
        let closure = self.closures.known(pull.repository(), digest);
        let below = closure.iter().flat_map(|it| it.digests());
        let mut all = std::iter::once(digest).chain(below);
        all.any(|it| self.is_forbidden(pull, rulebook, it))
    }

    fn is_forbidden(&self, pull: Pull<'_>, rulebook: &Rulebook, digest: &Digest) -> bool {
        let index = self.ledger.index();
        let alias = index.alias(digest);
        let mut names = std::iter::once(digest).chain(&alias);
        let mut revocations = index.revocations(digest).into_iter();
        names.any(|it| rulebook.blocks(it, pull.now))
            || revocations.any(|it| it.reaches(pull.environment(), pull.repository()))
    }

    async fn listed(&self, pull: Pull<'_>, digest: &Digest) -> Result<Arc<[Referrer]>, Refusal> {
        let repository = pull.repository();
        let lists = &self.upstreams.of(repository)?.lists;
        match lists.referrers(repository.name(), digest, pull.now).await {
            Ok(listed) => Ok(listed),
            Err(UpstreamError::NotFound) => Ok(Arc::from([])),
            Err(error) => Err(error.into()),
        }
    }
}

fn is_served(settings: &Settings, entry: &Referrer) -> bool {
    let artifact_type = entry.artifact_type();
    artifact_type.is_some_and(|it| settings.referrer_types.contains(it))
}
