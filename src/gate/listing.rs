//! Lists: only what would be served is named in them.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Gate, Pull, Refusal};
use crate::oci::{Digest, Limits, MediaType, Reference, Tag, read_strict};
use crate::trust::{Rulebook, Settings};
use crate::upstream::UpstreamError;

/// Tags on one page at most.
pub const TAGS_PAGE: usize = 1000;

/// A page of tags.
#[derive(Debug)]
pub struct TagList {
    pub tags: Vec<Tag>,
    /// The upstream has more; ask with this one as `last`.
    pub more_after: Option<Tag>,
}

impl Gate {
    /// Tags whose last known digest would be served, in lexical order.
    pub async fn list_tags(
        &self,
        pull: Pull<'_>,
        limit: usize,
        last: Option<&Tag>,
    ) -> Result<TagList, Refusal> {
        let rulebook = self.rulebook();
        let image = pull.target.repository.to_string();
        self.admit_request(pull, &rulebook, &image).await?;
        if limit == 0 {
            return Ok(TagList {
                tags: Vec::new(),
                more_after: None,
            });
        }
        let repository = &pull.target.repository;
        let upstream = &self.reachable(repository)?.upstream;
        let limit = limit.min(TAGS_PAGE);
        let page = match upstream.tags(repository.name(), limit, last).await {
            Ok(page) => page,
            Err(UpstreamError::NotFound) => return Err(Refusal::NameUnknown),
            Err(error) => return Err(error.into()),
        };
        let more_after = page.next;
        let mut tags = Vec::new();
        for tag in page.tags {
            if self.would_serve(pull, &rulebook, &tag).await {
                tags.push(tag);
            }
        }
        tags.sort();
        Ok(TagList { tags, more_after })
    }

    async fn would_serve(&self, pull: Pull<'_>, rulebook: &Rulebook, tag: &Tag) -> bool {
        match self.last_known(pull, rulebook, tag) {
            Some(digest) => self.is_permitted(pull, rulebook, digest).await,
            None => false,
        }
    }

    /// Whether a known image would be served; asks no upstream about others.
    async fn is_permitted(&self, pull: Pull<'_>, rulebook: &Rulebook, digest: Digest) -> bool {
        let subject = pull.subject(digest);
        let known = self.known_closure(&subject.repository, &subject.digest);
        if known.is_none() {
            return false;
        }
        let question = pull.question(rulebook, &subject);
        matches!(self.verdict(question).await, Ok(verdict) if verdict.permit(pull.now).is_some())
    }

    /// An index of what refers to a permitted manifest, of the types that are
    /// served (distribution-spec, "Listing Referrers"). Empty when nothing does.
    pub async fn list_referrers(
        &self,
        pull: Pull<'_>,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
    ) -> Result<Bytes, Refusal> {
        let rulebook = self.rulebook();
        let image = pull.image(&Reference::Digest(digest.clone()));
        self.admit_request(pull, &rulebook, &image).await?;
        let subject = pull.subject(digest.clone());
        let question = pull.question(&rulebook, &subject);
        match self.verdict(question).await {
            Ok(verdict) => drop(self.permit(pull, &image, &verdict).await?),
            Err(Refusal::ManifestUnknown) => return Ok(index_of(Vec::new())),
            Err(refusal) => return Err(refusal),
        }
        let settings = rulebook
            .environment(&subject.environment)
            .map(|environment| environment.settings(&subject.repository));
        let mut listed = self.upstream_referrers(pull, digest).await?;
        listed.retain(|entry| {
            settings.is_some_and(|settings| is_served(settings, entry))
                && artifact_type.is_none_or(|wanted| type_of(entry).as_ref() == Some(wanted))
        });
        Ok(index_of(listed))
    }

    async fn upstream_referrers(
        &self,
        pull: Pull<'_>,
        digest: &Digest,
    ) -> Result<Vec<Value>, Refusal> {
        let repository = &pull.target.repository;
        let upstream = &self.reachable(repository)?.upstream;
        let body = match upstream.referrers(repository.name(), digest, None).await {
            Ok(Some(body)) => body,
            Ok(None) | Err(UpstreamError::NotFound) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let index = read_strict(&body, Limits::DOCUMENT);
        Ok(
            match index.ok().map(|mut index| index["manifests"].take()) {
                Some(Value::Array(entries)) => entries,
                _ => Vec::new(),
            },
        )
    }
}

fn type_of(entry: &Value) -> Option<MediaType> {
    entry["artifactType"].as_str().map(MediaType::new)
}

fn is_served(settings: &Settings, entry: &Value) -> bool {
    type_of(entry).is_some_and(|artifact_type| settings.referrer_types.contains(&artifact_type))
}

fn index_of(manifests: Vec<Value>) -> Bytes {
    let index = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX.as_str(),
        "manifests": manifests,
    });
    Bytes::from(index.to_string())
}
