//! Lists: only what would be served is named in them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;

use super::closures::Closures;
use super::judge::Judge;
use super::parts::Shared;
use super::pull::{OtherVerdicts, Pull};
use super::refusal::Refusal;
use super::resolve::Resolver;
use super::upstreams::Upstreams;
use crate::ledger::Ledger;
use crate::oci::{Digest, MediaType, Referrer, Tag, read_referrers, write_referrers};
use crate::trust::{Environment, Rulebook, Settings};
use crate::upstream::UpstreamError;

/// Tags on one page at most.
pub const MAX_TAGS_PER_PAGE: usize = 1000;

/// Tags judged at once for one list.
const AT_ONCE: usize = 8;
/// Tags that are judged anew for one page, about. Verdicts are cached, so the next
/// page comes further.
const MAX_TAGS_JUDGED: usize = 128;
/// No further tags are judged for a request that takes this long: its page ends
/// there, and the next one goes on.
const JUDGING_TIME: Duration = Duration::from_secs(10);

/// The result for one tag.
#[derive(Default)]
struct TagOutcome {
    served: bool,
    judged_anew: bool,
}

/// A page of tags.
#[derive(Debug)]
pub struct TagList {
    pub tags: Vec<Tag>,
    /// There are more; ask with this one as `last`.
    pub more_after: Option<Tag>,
}

/// Makes lists.
pub(super) struct Lists {
    ledger: Arc<Ledger>,
    upstreams: Arc<Upstreams>,
    resolver: Arc<Resolver>,
    closures: Arc<Closures>,
    judge: Arc<Judge>,
}

impl Lists {
    pub(super) fn new(shared: &Shared) -> Self {
        Self {
            ledger: shared.ledger.clone(),
            upstreams: shared.upstreams.clone(),
            resolver: shared.resolver.clone(),
            closures: shared.closures.clone(),
            judge: shared.judge.clone(),
        }
    }

    /// Tags whose last known digest would be served, in lexical order. No upstream is
    /// asked about images that nobody knows yet.
    pub(super) async fn tags(
        &self,
        pull: Pull<'_>,
        (rulebook, environment): (&Rulebook, &Environment),
        limit: usize,
        last: Option<&Tag>,
    ) -> Result<TagList, Refusal> {
        if limit == 0 {
            return Ok(TagList {
                tags: Vec::new(),
                more_after: None,
            });
        }
        let repository = pull.repository();
        let upstream = &self.upstreams.of(repository)?.upstream;
        let limit = limit.min(MAX_TAGS_PER_PAGE);
        let page = match upstream.tags(repository.name(), limit, last).await {
            Ok(page) => page,
            Err(UpstreamError::NotFound) => return Err(Refusal::NameUnknown),
            Err(error) => return Err(error.into()),
        };
        let mut list = TagList {
            tags: Vec::new(),
            more_after: page.next,
        };
        let mut judged = 0;
        let mut looked_at = 0;
        for batch in page.tags.chunks(AT_ONCE) {
            let asked = batch
                .iter()
                .map(|tag| self.look_at(pull, (rulebook, environment), tag));
            for (tag, found) in batch.iter().zip(join_all(asked).await) {
                judged += usize::from(found.judged_anew);
                list.tags.extend(found.served.then(|| tag.clone()));
            }
            looked_at += batch.len();
            let spent = judged >= MAX_TAGS_JUDGED || pull.started.elapsed() > JUDGING_TIME;
            if spent && looked_at < page.tags.len() {
                list.more_after = batch.last().cloned();
                break;
            }
        }
        list.tags.sort();
        Ok(list)
    }

    async fn look_at(
        &self,
        pull: Pull<'_>,
        (rulebook, environment): (&Rulebook, &Environment),
        tag: &Tag,
    ) -> TagOutcome {
        let mut looked = TagOutcome::default();
        let Some(digest) = self.resolver.last_known(pull, environment, tag) else {
            return looked;
        };
        let subject = pull.subject(digest);
        let closures = &self.closures;
        if closures
            .known(&subject.repository, &subject.digest)
            .is_none()
        {
            return looked;
        }
        let question = pull.question(rulebook, &subject);
        looked.judged_anew = self.judge.cached(question).is_none();
        looked.served = self.judge.permits(question).await;
        looked
    }

    /// An index of what refers to a permitted manifest, of the types that are
    /// served (distribution-spec, "Listing Referrers").
    pub(super) async fn referrers(
        &self,
        pull: Pull<'_>,
        environment: &Environment,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
    ) -> Result<Bytes, Refusal> {
        let settings = environment.settings(pull.repository());
        let mut listed = self.upstream_referrers(pull, digest).await?;
        listed.retain(|entry| {
            is_served(settings, entry)
                && !self.is_revoked(pull, entry.digest())
                && artifact_type.is_none_or(|wanted| entry.artifact_type() == Some(wanted))
        });
        Ok(write_referrers(&listed))
    }

    /// Memory only: whether the pull of a referrer is sure to be denied as revoked.
    fn is_revoked(&self, pull: Pull<'_>, digest: &Digest) -> bool {
        let revocations = self.ledger.index().revocations(digest);
        revocations
            .iter()
            .any(|it| it.reaches(pull.environment(), pull.repository()))
    }

    async fn upstream_referrers(
        &self,
        pull: Pull<'_>,
        digest: &Digest,
    ) -> Result<Vec<Referrer>, Refusal> {
        let repository = pull.repository();
        let upstream = &self.upstreams.of(repository)?.upstream;
        let body = match upstream.referrers(repository.name(), digest, None).await {
            Ok(Some(body)) => body,
            Ok(None) | Err(UpstreamError::NotFound) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let unreadable = |error| format!("its referrers cannot be read: {error}");
        let read = read_referrers(&body).map_err(unreadable);
        Ok(read.map_err(|why| UpstreamError::Protocol(why.into()))?)
    }
}

fn is_served(settings: &Settings, entry: &Referrer) -> bool {
    let artifact_type = entry.artifact_type();
    artifact_type.is_some_and(|it| settings.referrer_types.contains(it))
}
