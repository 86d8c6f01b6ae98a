//! Reading an upstream's answer: its status, the headers that matter, a
//! bounded body.

use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, StatusCode, header};
use reqwest::Response;

use crate::metrics::UpstreamCause;
use crate::oci::{Digest, MediaType};

use super::UpstreamError;
use super::retry::retry_after;

const DIGEST_HEADER: HeaderName = HeaderName::from_static("docker-content-digest");

/// Lets 200 pass, and 206 where a range was asked for. Every other status is
/// an error, and so is a body in another coding than its own.
pub(super) fn accept(response: Response, partial: bool) -> Result<Response, UpstreamError> {
    let headers = response.headers();
    let retry_after = || retry_after(headers, SystemTime::now());
    Err(match response.status() {
        StatusCode::OK => return verbatim(response),
        StatusCode::PARTIAL_CONTENT if partial => return verbatim(response),
        StatusCode::UNAUTHORIZED => UpstreamError::Unauthorized,
        StatusCode::FORBIDDEN => UpstreamError::Forbidden,
        StatusCode::NOT_FOUND | StatusCode::GONE => UpstreamError::NotFound,
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            let detail = "its proxy wants other credentials";
            UpstreamError::unavailable(UpstreamCause::Proxy, detail)
        }
        StatusCode::TOO_MANY_REQUESTS => UpstreamError::RateLimited {
            retry_after: retry_after(),
        },
        status if is_outage(status) => UpstreamError::Unavailable {
            cause: UpstreamCause::ServerError,
            retry_after: retry_after(),
            detail: format!("it answers {}", status.as_u16()).into(),
        },
        status => UpstreamError::UnexpectedStatus(status.as_u16()),
    })
}

/// Whether a status says that the upstream cannot answer now. What it does not
/// implement (501, 505) it will not answer later either, and a 408 is worth another try
/// but says that it is there.
fn is_outage(status: StatusCode) -> bool {
    status.is_server_error()
        && status != StatusCode::NOT_IMPLEMENTED
        && status != StatusCode::HTTP_VERSION_NOT_SUPPORTED
}

fn verbatim(response: Response) -> Result<Response, UpstreamError> {
    match response.headers().get(header::CONTENT_ENCODING) {
        Some(coding) if coding != "identity" => Err(UpstreamError::protocol(
            "it compresses what was asked for verbatim",
        )),
        _ => Ok(response),
    }
}

/// The digest that the answer declares.
pub(super) fn digest(headers: &HeaderMap) -> Result<Option<Digest>, UpstreamError> {
    let Some(value) = headers.get(DIGEST_HEADER) else {
        return Ok(None);
    };
    let parsed = value
        .to_str()
        .ok()
        .and_then(|text| Digest::parse(text).ok());
    let wrong = || UpstreamError::protocol("its Docker-Content-Digest is no digest");
    parsed.map(Some).ok_or_else(wrong)
}

/// The length that the answer declares; that of the body it would have, for HEAD.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

pub(super) fn media_type(headers: &HeaderMap) -> Option<MediaType> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(MediaType::new(text)).filter(|media_type| !media_type.as_str().is_empty())
}

/// Reads the whole body, stopping at the first byte beyond `limit`.
pub(super) async fn read(mut response: Response, limit: u64) -> Result<Bytes, UpstreamError> {
    if length(response.headers()).is_some_and(|length| length > limit) {
        return Err(UpstreamError::TooLarge { limit });
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        if (body.len() + chunk.len()) as u64 > limit {
            return Err(UpstreamError::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// A body ended before its length.
pub(super) fn broken(error: &reqwest::Error) -> UpstreamError {
    match error.is_timeout() {
        true => UpstreamError::unavailable(UpstreamCause::TimedOut, "the body stopped coming"),
        false => UpstreamError::unavailable(UpstreamCause::BrokenOff, "the body broke off"),
    }
}
