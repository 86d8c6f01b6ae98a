//! The layered path: one request, read, asked of the gate, answered.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use serde_json::json;

use super::Registry;
use super::answer::{self, Answer};
use super::fast::Destination;
use super::route::{Page, Route, Wants, route, with_namespace};
use crate::gate::{
    Asker, Misaddressed, Pull, Refusal, ServedBlob, Source, TAGS_PAGE, TagList, Target, Wanted,
};
use crate::http::Body;
use crate::metrics::{ContentKind, PullLabels};
use crate::oci::{Digest, MediaType, Reference};
use crate::stream::ByteRange;

const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// One request of one asker.
pub(super) struct Call<'a> {
    pub(super) registry: &'a Registry,
    pub(super) parts: Parts,
    pub(super) asker: Asker,
    pub(super) now: Timestamp,
    pub(super) started: Instant,
}

impl Call<'_> {
    pub(super) async fn answer(self) -> Answer {
        if self.parts.method != Method::GET && self.parts.method != Method::HEAD {
            return answer::unsupported();
        }
        let query = self.parts.uri.query().unwrap_or_default();
        let (name, content) = match route(self.parts.uri.path(), query) {
            Ok(Route::Base) => return self.base().await,
            Ok(Route::Repository { name, content }) => (name, content),
            Err(no) => return answer::no_route(&no),
        };
        let target = match self.target(name).await {
            Ok(target) => target,
            Err(answer) => return answer,
        };
        let pull = self.pull(&target);
        let answer = match &content {
            Wants::Manifest(reference) => self.manifest(pull, reference).await,
            Wants::Blob(digest) => self.blob(pull, digest).await,
            Wants::Tags(page) => self.tags(pull, name, page).await,
            Wants::Referrers {
                digest,
                artifact_type,
            } => self.referrers(pull, digest, artifact_type.as_ref()).await,
        };
        let answer = answer.unwrap_or_else(|refusal| answer::refusal(&refusal));
        let answer = answer::echo(&target, answer);
        if let Wants::Manifest(reference) = content {
            self.remember(target, reference);
        }
        answer
    }

    /// `docker login` ends here: so whoever may pull nothing hears it at once.
    async fn base(&self) -> Answer {
        let Some(denial) = self.asker.barred(None) else {
            return answer::base();
        };
        let gate = &self.registry.gate;
        let refused = gate.refuse_address(&self.asker, "", denial, self.now, self.started);
        answer::refusal(&refused.await)
    }

    async fn manifest(&self, pull: Pull<'_>, reference: &Reference) -> Result<Answer, Refusal> {
        let served = self.registry.gate.pull_manifest(pull, reference).await?;
        let mut answer = answer::manifest(&served.manifest);
        answer::warn(answer.headers_mut(), &served.warnings);
        self.first_byte(ContentKind::Manifest, served.source);
        Ok(answer)
    }

    /// Lets the fast lane know what this path means. `ns` that named nothing but
    /// our own host depends on a header, so it is read anew each time.
    fn remember(&self, target: Target, reference: Reference) {
        if let Some(path) = self.parts.uri.path_and_query()
            && !target.by_host
        {
            let destination = Arc::new(Destination { target, reference });
            self.registry.paths.remember(path.as_str(), destination);
        }
    }

    async fn blob(&self, pull: Pull<'_>, digest: &Digest) -> Result<Answer, Refusal> {
        let gate = &self.registry.gate;
        let served = gate.pull_blob(pull, digest, self.wanted()).await?;
        self.first_byte(ContentKind::Blob, served.source);
        Ok(blob(served))
    }

    /// An ill-formed or multiple range is ignored (RFC 9110, 14.2), and so is
    /// every one with `If-Range`: there is no validator to match (13.1.5).
    fn wanted(&self) -> Wanted {
        if self.parts.method == Method::HEAD {
            return Wanted::Nothing;
        }
        if self.parts.headers.contains_key(header::IF_RANGE) {
            return Wanted::Whole;
        }
        let range = self.parts.headers.get(header::RANGE);
        let range = range.and_then(|value| value.to_str().ok());
        match range.and_then(ByteRange::parse) {
            Some(range) => Wanted::Range(range),
            None => Wanted::Whole,
        }
    }

    async fn tags(&self, pull: Pull<'_>, name: &str, page: &Page) -> Result<Answer, Refusal> {
        let limit = page.limit.unwrap_or(TAGS_PAGE);
        let gate = &self.registry.gate;
        let list = gate.list_tags(pull, limit, page.last.as_ref()).await?;
        Ok(tag_list(name, limit, &list))
    }

    async fn referrers(
        &self,
        pull: Pull<'_>,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
    ) -> Result<Answer, Refusal> {
        let gate = &self.registry.gate;
        let index = gate.list_referrers(pull, digest, artifact_type).await?;
        Ok(referrers(index, artifact_type.is_some()))
    }

    /// The repository that the request means, or the answer that says why none.
    async fn target(&self, name: &str) -> Result<Target, Answer> {
        let query = self.parts.uri.query().unwrap_or_default();
        let host = self.parts.headers.get(header::HOST);
        let host = host.and_then(|value| value.to_str().ok());
        let gate = &self.registry.gate;
        let listener = &self.registry.listener;
        let found = with_namespace(query, |ns| gate.address(listener, name, ns, host));
        match found {
            Ok(target) => Ok(target),
            Err(Misaddressed::Name(error)) => Err(answer::name_invalid(&error.to_string())),
            Err(Misaddressed::Denied(denial)) => {
                let refused =
                    gate.refuse_address(&self.asker, name, denial, self.now, self.started);
                Err(answer::refusal(&refused.await))
            }
        }
    }

    fn pull<'a>(&'a self, target: &'a Target) -> Pull<'a> {
        Pull {
            asker: &self.asker,
            target,
            now: self.now,
            started: self.started,
        }
    }

    fn first_byte(&self, kind: ContentKind, source: Source) {
        let source = source.into();
        let labels = PullLabels { kind, source };
        let seconds = self.started.elapsed().as_secs_f64();
        let family = &self.registry.metrics.pull_ttfb_seconds;
        family.get_or_create(&labels).observe(seconds);
    }
}

fn blob(served: ServedBlob) -> Answer {
    let (status, body, length, range) = match served.content {
        None => (StatusCode::OK, Body::Empty, served.size, None),
        Some(content) => {
            let length = content.chunks.len();
            let range = content.is_part.then(|| content.chunks.range());
            let status = match range {
                Some(_) => StatusCode::PARTIAL_CONTENT,
                None => StatusCode::OK,
            };
            (status, Body::stream(length, content.chunks), length, range)
        }
    };
    let mut answer = answer::answer(status, body);
    let headers = answer.headers_mut();
    answer::digest_header(headers, &served.digest);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let octets = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, octets);
    if let Some(range) = range
        && let Some(value) = content_range(&range, served.size)
    {
        headers.insert(header::CONTENT_RANGE, value);
    }
    answer
}

fn content_range(range: &Range<u64>, size: u64) -> Option<HeaderValue> {
    let last = range.end.checked_sub(1)?;
    HeaderValue::try_from(format!("bytes {}-{last}/{size}", range.start)).ok()
}

fn tag_list(name: &str, limit: usize, list: &TagList) -> Answer {
    let tags: Vec<&str> = list.tags.iter().map(|tag| tag.as_str()).collect();
    let document = json!({"name": name, "tags": tags});
    let mut answer = answer::json_answer(StatusCode::OK, Bytes::from(document.to_string()));
    if let Some(last) = &list.more_after
        && let Ok(link) = HeaderValue::try_from(format!(
            "</v2/{name}/tags/list?n={limit}&last={last}>; rel=\"next\""
        ))
    {
        answer.headers_mut().insert(header::LINK, link);
    }
    answer
}

fn referrers(index: Bytes, filtered: bool) -> Answer {
    let mut answer = answer::answer(StatusCode::OK, Body::from(index));
    let headers = answer.headers_mut();
    let content_type = HeaderValue::from_static("application/vnd.oci.image.index.v1+json");
    headers.insert(header::CONTENT_TYPE, content_type);
    if filtered {
        headers.insert(FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
    }
    answer
}
