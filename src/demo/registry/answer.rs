//! Answers: made whole, then spoiled as told.

use std::convert::Infallible;
use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use serde_json::json;

use crate::demo::Piece;

use super::content::Content;
use super::fault::Fault;
use super::route::{Kind, Route, query};

/// An answer whose body is known.
pub(super) type Answer = Response<Bytes>;
/// What goes out.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

pub(super) fn page(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}

/// Answers `parts` from `content`, whoever asks.
pub(super) fn answer(content: &Content, parts: &Parts, route: &Route) -> Answer {
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return error(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED");
    }
    let (name, reference) = (route.repository.as_str(), route.reference.as_str());
    match route.kind {
        Kind::Base => page(StatusCode::OK, "{}"),
        Kind::Manifest => match content.manifest(name, reference) {
            Some(piece) => whole(&piece),
            None => error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"),
        },
        Kind::Blob => match content.blob(name, reference) {
            Some(piece) => whole(&piece),
            None => error(StatusCode::NOT_FOUND, "BLOB_UNKNOWN"),
        },
        Kind::Tags => tags(content, parts, name),
        Kind::Referrers => {
            let artifact_type = query(parts, "artifactType");
            whole(&content.referrers(name, reference, artifact_type.as_deref()))
        }
        Kind::Token | Kind::Other => error(StatusCode::NOT_FOUND, "NAME_UNKNOWN"),
    }
}

fn error(status: StatusCode, code: &str) -> Answer {
    let body = json!({ "errors": [{ "code": code, "message": "demo" }] });
    page(status, body.to_string())
}

fn whole(piece: &Piece) -> Answer {
    let mut answer = page(StatusCode::OK, piece.bytes.clone());
    set(&mut answer, "content-type", piece.media_type.as_str());
    set(
        &mut answer,
        "docker-content-digest",
        &piece.digest.to_string(),
    );
    answer
}

fn tags(content: &Content, parts: &Parts, name: &str) -> Answer {
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
pub(super) fn ranged(answer: Answer, parts: &Parts) -> Answer {
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
pub(super) fn instead(fault: &Fault, parts: &Parts) -> Option<Answer> {
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
        _ => None,
    }
}

/// What goes out: the length as it ought to be, the body as `faults` leave it.
pub(super) fn send(mut answer: Answer, head: bool, faults: &[Fault]) -> Response<Body> {
    let length = answer.body().len().to_string();
    set(&mut answer, "content-length", &length);
    for fault in faults {
        match fault {
            Fault::With(name, value) => set(&mut answer, name, value),
            Fault::Without(name) => {
                answer.headers_mut().remove(*name);
            }
            Fault::WrongBytes => answer = answer.map(|body| spoiled(&body)),
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

fn whole_body(body: Bytes) -> Body {
    Full::new(body)
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

fn pieces(fault: &Fault, body: &Bytes) -> Option<Body> {
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
fn set(answer: &mut Answer, name: &str, value: &str) {
    let name = HeaderName::try_from(name);
    if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
        answer.headers_mut().insert(name, value);
    }
}
