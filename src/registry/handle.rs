//! The layered path: parses one request, asks the gate, and answers.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use serde_json::json;
use url::form_urlencoded;

use super::Registry;
use super::answer::{self, RegistryResponse};
use super::blob_answer;
use super::fast::{BlobRequest, ManifestRequest, Remembered};
use super::route::{RegistryRoute, RequestedContent, TagPageQuery, route, with_namespace};
use crate::gate::{
    AddressError, Client, MAX_TAGS_PER_PAGE, Pull, Refusal, RequestTarget, ServedContent,
    ServedFrom, TagList,
};
use crate::http::Body;
use crate::metrics::{ContentKind, PullLabels};
use crate::oci::{Digest, MediaType, Reference, Tag};

/// Said of a list that leaves out tags of which nothing is known yet.
const PARTIAL_LIST: &str =
    "sekisho: not all tags are known yet, and this list leaves some out; ask again later";

const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// One request of one asker.
pub(super) struct RegistryCall<'a> {
    pub(super) registry: &'a Registry,
    pub(super) parts: Parts,
    pub(super) client: Client,
    pub(super) now: Timestamp,
    pub(super) started: Instant,
}

impl RegistryCall<'_> {
    pub(super) async fn answer(self) -> RegistryResponse {
        if self.parts.method != Method::GET && self.parts.method != Method::HEAD {
            return answer::unsupported();
        }
        let query = self.parts.uri.query().unwrap_or_default();
        let (name, content) = match route(self.parts.uri.path(), query) {
            Ok(RegistryRoute::Base) => return self.base().await,
            Ok(RegistryRoute::Repository { name, content }) => (name, content),
            Err(no) => return answer::no_route(&no),
        };
        let target = match self.target(name).await {
            Ok(target) => target,
            Err(answer) => return answer,
        };
        let pull = self.pull(&target);
        let answer = match &content {
            // Boxed, so that those who wait for a blob hold no room for it.
            RequestedContent::Manifest(reference) => Box::pin(self.manifest(pull, reference)).await,
            RequestedContent::Blob(digest) => self.blob(pull, digest).await,
            RequestedContent::Tags(page) => self.tags(pull, name, page).await,
            RequestedContent::Referrers {
                digest,
                artifact_type,
            } => self.referrers(pull, digest, artifact_type.as_ref()).await,
        };
        let answer = answer.unwrap_or_else(|refusal| answer::refusal(&refusal));
        let answer = answer::echo(&target, answer);
        if let RequestedContent::Manifest(reference) = content {
            self.remember(Remembered::Manifest(ManifestRequest { target, reference }));
        }
        answer
    }

    /// `docker login` ends here, so that a token that may pull nothing is refused at
    /// once.
    async fn base(&self) -> RegistryResponse {
        let Some(denial) = self.client.barred(None) else {
            return answer::base();
        };
        let gate = &self.registry.gate;
        let refused = gate.refuse_address(&self.client, "", denial, self.now, self.started);
        answer::refusal(&refused.await)
    }

    async fn manifest(
        &self,
        pull: Pull<'_>,
        reference: &Reference,
    ) -> Result<RegistryResponse, Refusal> {
        let served = self.registry.gate.pull_manifest(pull, reference).await?;
        let mut answer = answer::manifest(&served.manifest);
        answer::warn(answer.headers_mut(), &served.warnings);
        self.first_byte(ContentKind::Manifest, served.source);
        Ok(answer)
    }

    /// Caches the meaning of this path for the fast lane. An `ns` that names our own host
    /// depends on the Host header, so such a path is not cached.
    fn remember(&self, means: Remembered) {
        if let Some(path) = self.parts.uri.path_and_query()
            && !means.target().by_host
        {
            let paths = &self.registry.paths;
            paths.remember(path.as_str(), Arc::new(means));
        }
    }

    async fn blob(&self, pull: Pull<'_>, digest: &Digest) -> Result<RegistryResponse, Refusal> {
        let gate = &self.registry.gate;
        let wanted = blob_answer::wanted(&self.parts);
        let served = gate.pull_blob(pull, digest, wanted).await?;
        self.first_byte(ContentKind::Blob, served.source);
        let head = blob_answer::head(pull.target, digest, served.size);
        if !matches!(served.content, ServedContent::At(_)) {
            let (target, member) = (pull.target.clone(), served.member.clone());
            let head = head.clone();
            self.remember(Remembered::Blob(BlobRequest {
                target,
                member,
                head,
            }));
        }
        Ok(blob_answer::blob(served, head))
    }

    async fn tags(
        &self,
        pull: Pull<'_>,
        name: &str,
        page: &TagPageQuery,
    ) -> Result<RegistryResponse, Refusal> {
        let limit = page.limit.unwrap_or(MAX_TAGS_PER_PAGE);
        let gate = &self.registry.gate;
        let list = gate.list_tags(pull, limit, page.last.as_deref()).await?;
        Ok(tag_list(pull.target, name, limit, &list))
    }

    async fn referrers(
        &self,
        pull: Pull<'_>,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
    ) -> Result<RegistryResponse, Refusal> {
        let gate = &self.registry.gate;
        let index = gate.list_referrers(pull, digest, artifact_type).await?;
        Ok(referrers(index, artifact_type.is_some()))
    }

    /// The repository that the request means, or the answer that says why none.
    async fn target(&self, name: &str) -> Result<RequestTarget, RegistryResponse> {
        let query = self.parts.uri.query().unwrap_or_default();
        let host = self.parts.headers.get(header::HOST);
        let host = host.and_then(|value| value.to_str().ok());
        let gate = &self.registry.gate;
        let listener = &self.registry.listener;
        let found = with_namespace(query, |ns| gate.address(listener, name, ns, host));
        match found {
            Ok(target) => Ok(target),
            Err(AddressError::Name(error)) => Err(answer::name_invalid(&error.to_string())),
            Err(AddressError::Denied(denial)) => {
                let refused =
                    gate.refuse_address(&self.client, name, denial, self.now, self.started);
                Err(answer::refusal(&refused.await))
            }
        }
    }

    fn pull<'a>(&'a self, target: &'a RequestTarget) -> Pull<'a> {
        Pull {
            client: &self.client,
            target,
            now: self.now,
            started: self.started,
        }
    }

    fn first_byte(&self, kind: ContentKind, source: ServedFrom) {
        let source = source.into();
        let labels = PullLabels { kind, source };
        let seconds = self.started.elapsed().as_secs_f64();
        let family = &self.registry.metrics.pull_ttfb_seconds;
        family.get_or_create(&labels).observe(seconds);
    }
}

/// A page of tags. One that is not whole says so, and is kept by no cache between us and
/// the client.
fn tag_list(target: &RequestTarget, name: &str, limit: usize, list: &TagList) -> RegistryResponse {
    let tags: Vec<&str> = list.tags.iter().map(|tag| tag.as_str()).collect();
    let document = json!({"name": name, "tags": tags});
    let mut answer = answer::json_answer(StatusCode::OK, Bytes::from(document.to_string()));
    let headers = answer.headers_mut();
    let link = list
        .more_after
        .as_ref()
        .map(|last| next_page(target, name, limit, last));
    if let Some(Ok(link)) = link.map(HeaderValue::try_from) {
        headers.insert(header::LINK, link);
    }
    if !list.is_whole {
        answer::warn(headers, &[PARTIAL_LIST.to_owned()]);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    answer
}

/// The link to the page behind `last`, which names the upstream as the request did.
fn next_page(target: &RequestTarget, name: &str, limit: usize, last: &Tag) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("n", &limit.to_string());
    query.append_pair("last", last.as_str());
    let namespace = target.namespace.as_ref().and_then(|it| it.to_str().ok());
    query.extend_pairs(namespace.map(|namespace| ("ns", namespace)));
    format!("</v2/{name}/tags/list?{}>; rel=\"next\"", query.finish())
}

fn referrers(index: Bytes, filtered: bool) -> RegistryResponse {
    let mut answer = answer::answer(StatusCode::OK, Body::from(index));
    let headers = answer.headers_mut();
    let content_type = HeaderValue::from_static("application/vnd.oci.image.index.v1+json");
    headers.insert(header::CONTENT_TYPE, content_type);
    if filtered {
        headers.insert(FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
    }
    answer
}
