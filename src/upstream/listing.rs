//! Lists: the tags of a repository, and what refers to a digest.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde::Deserialize;
use url::Url;

use crate::oci::{Digest, MediaType, RepositoryName, Tag};

use super::{MAX_MANIFEST_BYTES, Upstream, UpstreamError, answer};

/// One page of a repository's tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagPage {
    /// As the upstream orders them; what is no tag by the grammar is left out.
    pub tags: Vec<Tag>,
    /// What to give as `last` for the next page; `None` on the last one.
    pub next: Option<Tag>,
}

#[derive(Deserialize)]
struct TagListBody {
    /// `null` where there are none, from registries written in Go.
    tags: Option<Vec<String>>,
}

impl Upstream {
    /// Lists up to `n` tags behind `last`; an upstream may give more or fewer.
    pub async fn tags(
        &self,
        name: &RepositoryName,
        n: usize,
        last: Option<&Tag>,
    ) -> Result<TagPage, UpstreamError> {
        self.noted(self.tag_page(name, n, last).await)
    }

    async fn tag_page(
        &self,
        name: &RepositoryName,
        n: usize,
        last: Option<&Tag>,
    ) -> Result<TagPage, UpstreamError> {
        let mut call = self.to(Method::GET, name, "tags/list")?;
        let last_pair = last.map(|last| ("last", last.as_str()));
        call.url
            .query_pairs_mut()
            .append_pair("n", &n.to_string())
            .extend_pairs(last_pair);
        let answer = self.send(&call).await?;
        let more = next_of(answer.response.headers(), &call.url);
        let body = self.body(answer, MAX_MANIFEST_BYTES).await?;
        let tags = read_tags(&body)?;
        let next = match more {
            Next::None => None,
            Next::After(tag) => Some(tag),
            Next::Page => tags.last().cloned(),
        };
        // A page that leads to itself would be asked for for ever.
        let next = next.filter(|next| Some(next) != last);
        Ok(TagPage { tags, next })
    }

    /// The index of what refers to `digest` (distribution-spec, "Listing
    /// Referrers"), or `None` from an upstream that has no such list.
    pub async fn referrers(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Option<Bytes>, UpstreamError> {
        self.noted(self.referrer_index(name, digest, artifact_type).await)
    }

    async fn referrer_index(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Option<Bytes>, UpstreamError> {
        let mut call = self.to(Method::GET, name, &format!("referrers/{digest}"))?;
        if let Some(artifact_type) = artifact_type {
            let mut query = call.url.query_pairs_mut();
            query.append_pair("artifactType", artifact_type);
        }
        let accept = HeaderValue::from_static("application/vnd.oci.image.index.v1+json");
        call.headers.insert(header::ACCEPT, accept);
        let answer = match self.send(&call).await {
            Err(UpstreamError::NotFound) => return Ok(None),
            answer => answer?,
        };
        if answer::media_type(answer.response.headers()) != Some(MediaType::OCI_INDEX) {
            return Err(UpstreamError::protocol("its referrers are no index"));
        }
        self.body(answer, MAX_MANIFEST_BYTES).await.map(Some)
    }
}

fn read_tags(body: &[u8]) -> Result<Vec<Tag>, UpstreamError> {
    let wrong = |_| UpstreamError::protocol("its list of tags cannot be read");
    let list: TagListBody = serde_json::from_slice(body).map_err(wrong)?;
    let texts = list.tags.unwrap_or_default();
    Ok(texts
        .iter()
        .filter_map(|text| Tag::parse(text).ok())
        .collect())
}

enum Next {
    None,
    After(Tag),
    /// There is one, but it is not named by a tag.
    Page,
}

/// Reads `Link: </v2/a/tags/list?n=2&last=b>; rel="next"`. Only `last` is
/// taken from it; where it points is not.
fn next_of(headers: &HeaderMap, from: &Url) -> Next {
    let line = headers
        .get(header::LINK)
        .and_then(|line| line.to_str().ok());
    let target = line.and_then(|line| {
        let (target, parameters) = line.trim_start().strip_prefix('<')?.split_once('>')?;
        let next = parameters.contains("rel=\"next\"") || parameters.contains("rel=next");
        next.then_some(target)
    });
    let Some(target) = target else {
        return Next::None;
    };
    let last = from.join(target).ok().and_then(|url| {
        let pair = url.query_pairs().find(|(key, _)| key == "last")?;
        Tag::parse(&pair.1).ok()
    });
    last.map_or(Next::Page, Next::After)
}
