//! HTTP around an answer.

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use super::review::ReviewAnswer;
use crate::http::Body;

pub(super) fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}

/// The answer to a review without a readable uid.
pub(super) fn busy() -> Response<Body> {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, "no answer in time; retry");
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

pub(super) fn json(answer: &ReviewAnswer) -> Response<Body> {
    let Ok(text) = serde_json::to_string(answer) else {
        let text = "no answer could be written";
        return plain(StatusCode::INTERNAL_SERVER_ERROR, text);
    };
    let mut response = Response::new(Body::from(text));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
