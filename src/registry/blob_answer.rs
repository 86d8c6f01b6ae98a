//! The answer to a pull of a blob, the same in both lanes.

use std::ops::Range;

use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};

use super::answer::{self, RegistryResponse};
use crate::gate::{BlobPart, RequestTarget, ServedBlob, ServedContent};
use crate::http::Body;
use crate::oci::Digest;
use crate::stream::{ByteRange, Chunks};

/// How much of the blob a request wants.
///
/// An ill-formed or multiple range is ignored (RFC 9110, 14.2), and so is
/// every one with `If-Range`: there is no validator to match (13.1.5).
pub(super) fn wanted(parts: &Parts) -> BlobPart {
    if parts.method == Method::HEAD {
        return BlobPart::Nothing;
    }
    if parts.headers.contains_key(header::IF_RANGE) {
        return BlobPart::WholeFromHere;
    }
    let Some(range) = parts.headers.get(header::RANGE) else {
        return BlobPart::Whole;
    };
    match range.to_str().ok().and_then(ByteRange::parse) {
        Some(range) => BlobPart::Range(range),
        None => BlobPart::WholeFromHere,
    }
}

/// The headers of every answer with all of a blob of `size` bytes.
pub(super) fn head(target: &RequestTarget, digest: &Digest, size: u64) -> HeaderMap {
    let mut answer = answer::answer(StatusCode::OK, Body::Empty);
    let headers = answer.headers_mut();
    answer::digest_header(headers, digest);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let octets = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, octets);
    std::mem::take(answer::echo(target, answer).headers_mut())
}

/// The answer with what is `served`; `head`: what [`head`] made for the blob.
pub(super) fn blob(served: ServedBlob, head: HeaderMap) -> RegistryResponse {
    let size = served.size;
    match served.content {
        ServedContent::Nothing => with_head(StatusCode::OK, Body::Empty, head),
        ServedContent::At(url) => answer::elsewhere(&url, &served.digest),
        ServedContent::Bytes(content) => match content.is_part {
            false => with_head(StatusCode::OK, body(content.chunks), head),
            true => part(content.chunks, size, head),
        },
    }
}

fn part(chunks: Chunks, size: u64, mut head: HeaderMap) -> RegistryResponse {
    head.insert(header::CONTENT_LENGTH, HeaderValue::from(chunks.len()));
    if let Some(value) = content_range(&chunks.range(), size) {
        head.insert(header::CONTENT_RANGE, value);
    }
    with_head(StatusCode::PARTIAL_CONTENT, body(chunks), head)
}

fn with_head(status: StatusCode, body: Body, head: HeaderMap) -> RegistryResponse {
    let mut answer = RegistryResponse::new(body);
    *answer.status_mut() = status;
    *answer.headers_mut() = head;
    answer
}

fn body(chunks: Chunks) -> Body {
    let length = chunks.len();
    match chunks.into_memory() {
        Ok(bytes) => Body::from(bytes),
        Err(chunks) => Body::stream(length, chunks),
    }
}

fn content_range(range: &Range<u64>, size: u64) -> Option<HeaderValue> {
    let last = range.end.checked_sub(1)?;
    HeaderValue::try_from(format!("bytes {}-{last}/{size}", range.start)).ok()
}
