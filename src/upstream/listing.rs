//! The tags of a repository.

use http::{HeaderMap, Method};
use serde::Deserialize;

use crate::oci::{RepositoryName, Tag};

use super::link::next_query;
use super::{MAX_MANIFEST_BYTES, Upstream, UpstreamError};

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
    ///
    /// # Errors
    /// [`UpstreamError`] where there is no whole answer.
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
        let more = next_of(answer.response.headers());
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

/// Only `last` is taken from a link to the next page.
fn next_of(headers: &HeaderMap) -> Next {
    let Some(query) = next_query(headers) else {
        return Next::None;
    };
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let last = pairs.find(|(key, _)| key == "last");
    let last = last.and_then(|(_, last)| Tag::parse(&last).ok());
    last.map_or(Next::Page, Next::After)
}
