//! Responses: every refusal becomes a response in this file only.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde_json::json;
use url::Url;

use super::route::RouteError;
use crate::gate::{DenialAnswer, ReadyManifest, Refusal, RequestTarget};
use crate::http::{Body, ReasonPhrase, reason_phrase};
use crate::metrics::UpstreamCause;
use crate::oci::{Digest, RegistryErrorCode, printable};
use crate::upstream::UpstreamError;

pub(super) type RegistryResponse = Response<Body>;

/// Echoes `ns` (distribution-spec, "Proxying").
const NAMESPACE_HEADER: HeaderName = HeaderName::from_static("oci-namespace");
const API_VERSION_HEADER: HeaderName = HeaderName::from_static("docker-distribution-api-version");
const CONTENT_DIGEST_HEADER: HeaderName = HeaderName::from_static("docker-content-digest");
const JSON_TYPE: HeaderValue = HeaderValue::from_static("application/json");
/// How long to wait before asking again when we cannot decide, in seconds.
const RETRY_AFTER_SECONDS: u64 = 5;
/// The same where too many ask at once, in seconds: places become free soon.
const OVERLOADED_RETRY_AFTER_S: u64 = 1;
/// The same where we were too slow: the work went on meanwhile.
const DELAYED_RETRY_AFTER_S: u64 = 1;
/// Characters of a message: a host's name in it may have 253.
const MAX_MESSAGE_CHARS: usize = 500;
/// Warnings of one answer, all headers together (distribution-spec, "Warnings").
const MAX_WARNINGS_BYTES: usize = 4096;

/// An empty answer with the headers that every one carries.
pub(super) fn answer(status: StatusCode, body: Body) -> RegistryResponse {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(API_VERSION_HEADER, HeaderValue::from_static("registry/2.0"));
    answer
}

/// The answer to `GET /v2/`.
pub(super) fn base() -> RegistryResponse {
    json_answer(StatusCode::OK, Bytes::from_static(b"{}"))
}

/// A JSON document.
pub(super) fn json_answer(status: StatusCode, document: Bytes) -> RegistryResponse {
    let mut answer = answer(status, Body::from(document));
    answer.headers_mut().insert(header::CONTENT_TYPE, JSON_TYPE);
    answer
}

/// The error document of the distribution specification, "Error Codes".
pub(super) fn error(
    status: StatusCode,
    code: RegistryErrorCode,
    message: &str,
) -> RegistryResponse {
    let body = json!({"errors": [{"code": code.as_str(), "message": message}]});
    json_answer(status, Bytes::from(body.to_string()))
}

/// Verbatim bytes with their digest and type.
pub(super) fn manifest(manifest: &ReadyManifest) -> RegistryResponse {
    let mut answer = answer(StatusCode::OK, Body::from(manifest.bytes().clone()));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, manifest.content_type().clone());
    headers.insert(CONTENT_DIGEST_HEADER, manifest.digest_header().clone());
    answer
}

/// Adds the `ns` that named the repository, if one did.
pub(super) fn echo(target: &RequestTarget, mut answer: RegistryResponse) -> RegistryResponse {
    if let Some(namespace) = &target.namespace {
        answer
            .headers_mut()
            .insert(NAMESPACE_HEADER, namespace.clone());
    }
    answer
}

/// Adds `Docker-Content-Digest`.
pub(super) fn digest_header(headers: &mut HeaderMap, digest: &Digest) {
    if let Ok(value) = HeaderValue::try_from(digest.to_string()) {
        headers.insert(CONTENT_DIGEST_HEADER, value);
    }
}

/// The address at which the client reads a permitted blob by itself. It lasts for minutes
/// and is a key to the blob, so nobody keeps it.
pub(super) fn elsewhere(url: &Url, digest: &Digest) -> RegistryResponse {
    let mut answer = answer(StatusCode::TEMPORARY_REDIRECT, Body::Empty);
    let headers = answer.headers_mut();
    digest_header(headers, digest);
    if let Ok(location) = HeaderValue::try_from(url.as_str()) {
        headers.insert(header::LOCATION, location);
    }
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(0));
    let no_store = HeaderValue::from_static("no-store");
    headers.insert(header::CACHE_CONTROL, no_store);
    answer
}

/// Adds `Warning: 299`s, as long as they fit.
pub(super) fn warn(headers: &mut HeaderMap, warnings: &[String]) {
    let mut room = MAX_WARNINGS_BYTES;
    for warning in warnings {
        let text = printable(warning, 500).replace(['"', '\\'], "'");
        let value = format!("299 - \"{text}\"");
        let cost = value.len() + "Warning: \r\n".len();
        if let (Some(left), Ok(value)) = (room.checked_sub(cost), HeaderValue::try_from(value)) {
            room = left;
            headers.append(header::WARNING, value);
        }
    }
}

/// Puts a line into the status line, or the short code where it does not fit.
fn with_reason(answer: RegistryResponse, line: &str, code: &str) -> RegistryResponse {
    with_phrase(answer, reason_phrase(line, code))
}

fn with_phrase(mut answer: RegistryResponse, phrase: Option<ReasonPhrase>) -> RegistryResponse {
    if let Some(phrase) = phrase {
        answer.extensions_mut().insert(phrase);
    }
    answer
}

/// A denial, in body and reason phrase alike: a 403 to a HEAD has no body, and
/// older clients print the status line only.
pub(super) fn denied(denial: &DenialAnswer) -> RegistryResponse {
    let answer = json_answer(StatusCode::FORBIDDEN, denial.body().clone());
    with_phrase(answer, denial.phrase().cloned())
}

fn undecidable(denial: &DenialAnswer) -> RegistryResponse {
    let mut answer = json_answer(StatusCode::SERVICE_UNAVAILABLE, denial.body().clone());
    retry_after(&mut answer, RETRY_AFTER_SECONDS);
    with_phrase(answer, denial.phrase().cloned())
}

/// More requests at once than are worked on.
pub(super) fn overloaded() -> RegistryResponse {
    let message = "sekisho: not a policy denial: too many requests at once; retried automatically";
    unavailable(message, "overloaded", OVERLOADED_RETRY_AFTER_S)
}

fn unavailable(message: &str, short: &str, retry_after_s: u64) -> RegistryResponse {
    let code = RegistryErrorCode::TooManyRequests;
    let mut answer = error(StatusCode::SERVICE_UNAVAILABLE, code, message);
    retry_after(&mut answer, retry_after_s);
    with_reason(answer, message, short)
}

fn retry_after(answer: &mut RegistryResponse, seconds: u64) {
    answer
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
}

/// What the gate refused.
pub(super) fn refusal(refusal: &Refusal) -> RegistryResponse {
    match refusal {
        Refusal::Denied(denial) => denied(denial),
        Refusal::Undecidable(denial) => undecidable(denial),
        Refusal::NameUnknown => not_found(
            RegistryErrorCode::NameUnknown,
            "no such repository upstream",
        ),
        Refusal::ManifestUnknown => not_found(
            RegistryErrorCode::ManifestUnknown,
            "no such manifest upstream",
        ),
        Refusal::TagNotPromoted(denial) => {
            let message = format!("sekisho: {}; {}", denial.detail, denial.next_step);
            let message = printable(&message, MAX_MESSAGE_CHARS);
            not_found(RegistryErrorCode::ManifestUnknown, &message)
        }
        Refusal::BlobUnknown => not_found(RegistryErrorCode::BlobUnknown, "no such blob upstream"),
        Refusal::RangeNotSatisfiable(size) => range_not_satisfiable(*size),
        Refusal::UpstreamFailed(error) => upstream_failed(error),
        Refusal::Delayed(why) => {
            tracing::warn!(why, "a pull was not answered in time");
            let message = "sekisho: not a policy denial: the gateway could not answer in time; \
                           retried automatically";
            unavailable(message, "not answered in time", DELAYED_RETRY_AFTER_S)
        }
    }
}

/// What the upstream, or the way to it, was found to lack: a 503, which asks to come again
/// only where that passes by itself. What it refuses to us is a 403, as it is to a client of
/// its own: none asks for it again at once, and none takes it for an absence, as a 404.
fn upstream_failed(error: &UpstreamError) -> RegistryResponse {
    let cause = error.cause().map_or("absent", UpstreamCause::as_str);
    tracing::warn!(cause, %error, "a pull failed upstream");
    let (told, next_step) = (error.summary(), error.next_step());
    let message = format!("sekisho: not a policy denial: {told}; {next_step}");
    let message = printable(&message, MAX_MESSAGE_CHARS);
    if error.heals() {
        let after = error
            .retry_after()
            .map_or(RETRY_AFTER_SECONDS, |it| it.as_secs());
        return unavailable(&message, cause, after.max(1));
    }
    let (status, code) = match error {
        UpstreamError::Unauthorized | UpstreamError::Forbidden => {
            (StatusCode::FORBIDDEN, RegistryErrorCode::Denied)
        }
        _ => (
            StatusCode::SERVICE_UNAVAILABLE,
            RegistryErrorCode::Unsupported,
        ),
    };
    with_reason(self::error(status, code, &message), &message, cause)
}

fn not_found(code: RegistryErrorCode, message: &str) -> RegistryResponse {
    error(StatusCode::NOT_FOUND, code, message)
}

fn range_not_satisfiable(size: u64) -> RegistryResponse {
    let code = RegistryErrorCode::SizeInvalid;
    let message = "the range lies outside of the blob";
    let mut answer = error(StatusCode::RANGE_NOT_SATISFIABLE, code, message);
    if let Ok(value) = HeaderValue::try_from(format!("bytes */{size}")) {
        answer.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    answer
}

/// The answer to a path that is no route.
pub(super) fn no_route(no: &RouteError) -> RegistryResponse {
    let status = match no.code {
        RegistryErrorCode::DigestInvalid | RegistryErrorCode::NameInvalid => {
            StatusCode::BAD_REQUEST
        }
        RegistryErrorCode::Unsupported => return not_allowed(no.message),
        _ => StatusCode::NOT_FOUND,
    };
    error(status, no.code, no.message)
}

/// A name that no upstream could have.
pub(super) fn name_invalid(why: &str) -> RegistryResponse {
    error(StatusCode::BAD_REQUEST, RegistryErrorCode::NameInvalid, why)
}

/// Push and delete.
pub(super) fn unsupported() -> RegistryResponse {
    not_allowed("this gateway serves pulls only; push to the registry behind it")
}

/// A 405 names what is allowed (RFC 9110, 15.5.6).
fn not_allowed(message: &str) -> RegistryResponse {
    let mut answer = error(
        StatusCode::METHOD_NOT_ALLOWED,
        RegistryErrorCode::Unsupported,
        message,
    );
    answer
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}
