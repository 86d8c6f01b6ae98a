//! Reading an upstream's answer: its status, the headers that matter, a
//! bounded body.

use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{StreamExt, TryStreamExt};
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use reqwest::Response;

use crate::metrics::UpstreamCause;
use crate::oci::{Digest, MediaType};

use super::UpstreamError;
use super::decoding::{ContentCoding, decoded};
use super::rate_limit::MAX_REST;
use crate::http_client::retry_after;

const DIGEST_HEADER: HeaderName = HeaderName::from_static("docker-content-digest");

/// Lets 200 pass, and 206 where a range was asked for. Every other status is an error.
pub(super) fn accept(
    response: Response,
    method: &Method,
    partial: bool,
) -> Result<Response, UpstreamError> {
    let headers = response.headers();
    // Clients are told what is done here, and not what was asked for.
    let retry_after = || retry_after(headers, SystemTime::now()).map(|it| it.min(MAX_REST));
    Err(match response.status() {
        StatusCode::OK => return Ok(response),
        StatusCode::PARTIAL_CONTENT if partial => return Ok(response),
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
        // What fails at HEAD may well answer GET, and what that says counts.
        StatusCode::INTERNAL_SERVER_ERROR if *method == Method::HEAD => {
            UpstreamError::UnexpectedStatus(500)
        }
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

/// The digest that the answer declares; none where it is in words of the upstream's own,
/// which vouch for nothing: what comes is hashed all the same.
pub(super) fn digest(headers: &HeaderMap) -> Option<Digest> {
    let text = headers.get(DIGEST_HEADER)?.to_str().ok()?;
    Digest::parse(text.trim()).ok()
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

/// Reads the whole body, stopping at the first byte beyond `limit`, decoded or not.
pub(super) async fn read(response: Response, limit: u64) -> Result<Bytes, UpstreamError> {
    if length(response.headers()).is_some_and(|length| length > limit) {
        return Err(UpstreamError::TooLarge { limit });
    }
    let coding = ContentCoding::of(response.headers())?;
    let pieces = response.bytes_stream().map_err(|error| broken(&error));
    let mut pieces = decoded(pieces.boxed(), coding);
    let mut body = BytesMut::new();
    while let Some(piece) = pieces.try_next().await? {
        if (body.len() + piece.len()) as u64 > limit {
            return Err(UpstreamError::TooLarge { limit });
        }
        body.extend_from_slice(&piece);
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
