//! Answers, and the faults that are applied to them.

use std::convert::Infallible;
use std::io::{self, Write};

use bytes::{Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream::{self, StreamExt};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use serde_json::json;

use crate::demo::SampleContent;

use super::content::DemoContent;
use super::fault::Fault;
use super::route::{DemoRoute, RequestKind, query};

/// An answer whose body is known.
pub(super) type DemoAnswer = Response<Bytes>;
/// What goes out.
pub(super) type DemoBody = UnsyncBoxBody<Bytes, io::Error>;

pub(super) fn page(status: StatusCode, body: impl Into<Bytes>) -> DemoAnswer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}

/// Answers `parts` from `content`, without authentication.
pub(super) fn answer(content: &DemoContent, parts: &Parts, route: &DemoRoute) -> DemoAnswer {
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return error(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED");
    }
    let (name, reference) = (route.repository.as_str(), route.reference.as_str());
    match route.kind {
        RequestKind::Base => page(StatusCode::OK, "{}"),
        RequestKind::Manifest => match content.manifest(name, reference) {
            Some(piece) => whole(&piece),
            None => error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"),
        },
        RequestKind::Blob => match content.blob(name, reference) {
            Some(piece) => whole(&piece),
            None => error(StatusCode::NOT_FOUND, "BLOB_UNKNOWN"),
        },
        RequestKind::Tags => tags(content, parts, name),
        RequestKind::Referrers => {
            let artifact_type = query(parts, "artifactType");
            whole(&content.referrers(name, reference, artifact_type.as_deref()))
        }
        RequestKind::Token | RequestKind::Other => error(StatusCode::NOT_FOUND, "NAME_UNKNOWN"),
    }
}

fn error(status: StatusCode, code: &str) -> DemoAnswer {
    let body = json!({ "errors": [{ "code": code, "message": "demo" }] });
    page(status, body.to_string())
}

fn whole(piece: &SampleContent) -> DemoAnswer {
    let mut answer = page(StatusCode::OK, piece.bytes.clone());
    set(&mut answer, "content-type", piece.media_type.as_str());
    set(
        &mut answer,
        "docker-content-digest",
        &piece.digest.to_string(),
    );
    answer
}

fn tags(content: &DemoContent, parts: &Parts, name: &str) -> DemoAnswer {
    let n = query(parts, "n")
        .and_then(|n| n.parse().ok())
        .unwrap_or(usize::MAX);
    let last = query(parts, "last").unwrap_or_default();
    let Some((tags, more)) = content.tags(name, n, &last) else {
        return error(StatusCode::NOT_FOUND, "NAME_UNKNOWN");
    };
    let body = json!({ "name": name, "tags": tags });
    let mut answer = page(StatusCode::OK, body.to_string());
    if let (true, Some(last)) = (more, tags.last()) {
        let link = format!("</v2/{name}/tags/list?n={n}&last={last}>; rel=\"next\"");
        set(&mut answer, "link", &link);
    }
    answer
}

/// Cuts a good answer down to the one range asked for.
pub(super) fn ranged(answer: DemoAnswer, parts: &Parts) -> DemoAnswer {
    let total = answer.body().len();
    let Some((first, last)) = range(parts, total).filter(|_| answer.status() == StatusCode::OK)
    else {
        return answer;
    };
    let mut answer = answer.map(|body| body.slice(first..=last));
    *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    set(
        &mut answer,
        "content-range",
        &format!("bytes {first}-{last}/{total}"),
    );
    answer
}

fn range(parts: &Parts, total: usize) -> Option<(usize, usize)> {
    let text = parts.headers.get(header::RANGE)?.to_str().ok()?;
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let end = total.checked_sub(1)?;
    let first: usize = first.parse().ok()?;
    let last = if last.is_empty() {
        end
    } else {
        last.parse().ok()?
    };
    (first <= last && last <= end).then_some((first, last))
}

/// The answer that `fault` gives instead of any other.
pub(super) fn instead(fault: &Fault, parts: &Parts) -> Option<DemoAnswer> {
    match fault {
        Fault::Status(status) => {
            let status = StatusCode::from_u16(*status).ok()?;
            Some(page(status, ""))
        }
        Fault::RateLimited(seconds) => {
            let mut answer = error(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS");
            set(&mut answer, "retry-after", &seconds.to_string());
            Some(answer)
        }
        Fault::Redirect(origin) => {
            let mut answer = page(StatusCode::TEMPORARY_REDIRECT, "");
            set(&mut answer, "location", &format!("{origin}{}", parts.uri));
            Some(answer)
        }
        Fault::RedirectTo(status, location) => {
            let mut answer = page(StatusCode::from_u16(*status).ok()?, "");
            set(&mut answer, "location", location);
            Some(answer)
        }
        _ => None,
    }
}

/// What goes out: the length as it ought to be, the body as `faults` leave it.
pub(super) fn send(mut answer: DemoAnswer, head: bool, faults: &[Fault]) -> Response<DemoBody> {
    let length = answer.body().len().to_string();
    set(&mut answer, "content-length", &length);
    for fault in faults {
        match fault {
            Fault::With(name, value) => set(&mut answer, name, value),
            Fault::Without(name) => {
                answer.headers_mut().remove(*name);
            }
            Fault::WrongBytes => answer = answer.map(|body| spoiled(&body)),
            Fault::Gzip => {
                let coded = gzip(answer.body());
                set(&mut answer, "content-encoding", "gzip");
                set(&mut answer, "content-length", &coded.len().to_string());
                answer = answer.map(|_| coded);
            }
            Fault::Body(text) => {
                set(&mut answer, "content-length", &text.len().to_string());
                answer = answer.map(|_| Bytes::from(text.clone()));
            }
            _ => {}
        }
    }
    answer.map(
        |body| match faults.iter().find_map(|fault| pieces(fault, &body)) {
            _ if head => whole_body(Bytes::new()),
            Some(body) => body,
            None => whole_body(body),
        },
    )
}

fn spoiled(body: &Bytes) -> Bytes {
    let mut body = BytesMut::from(&body[..]);
    if let Some(first) = body.first_mut() {
        *first ^= 1;
    }
    body.freeze()
}

fn gzip(body: &[u8]) -> Bytes {
    let mut coded = GzEncoder::new(Vec::new(), Compression::default());
    // To memory, which does not fail.
    let written = coded.write_all(body).and_then(|()| coded.finish());
    written.map(Bytes::from).unwrap_or_default()
}

fn whole_body(body: Bytes) -> DemoBody {
    Full::new(body)
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

fn pieces(fault: &Fault, body: &Bytes) -> Option<DemoBody> {
    match fault {
        Fault::CutAfter(length) => {
            let start = body.slice(..body.len().min(*length));
            let cut = stream::once(async {
                // Lets the server send what it has before the connection ends.
                tokio::task::yield_now().await;
                Err(io::Error::other("cut"))
            });
            let frames = stream::iter([Ok(Frame::data(start))]).chain(cut);
            Some(StreamBody::new(frames).boxed_unsync())
        }
        Fault::Slow(size, pause) => {
            let (pause, size) = (*pause, (*size).max(1));
            let pieces: Vec<_> = body.chunks(size).map(Bytes::copy_from_slice).collect();
            let frames = stream::iter(pieces).then(move |piece| async move {
                tokio::time::sleep(pause).await;
                Ok(Frame::data(piece))
            });
            Some(StreamBody::new(frames).boxed_unsync())
        }
        _ => None,
    }
}

/// Sets a header; one that cannot be written is left out.
fn set(answer: &mut DemoAnswer, name: &str, value: &str) {
    let name = HeaderName::try_from(name);
    if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
        answer.headers_mut().insert(name, value);
    }
}
