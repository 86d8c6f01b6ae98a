//! Lists as files for spreadsheets.

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_DISPOSITION;

use super::page::guarded;

/// Rows that one file has, at most.
pub(super) const MAX_ROWS: usize = 10_000;

/// A file that a browser saves under `name`.
pub(super) fn file(name: &'static str, text: String) -> Response {
    let mut response = guarded(text.into_response(), "text/csv; charset=utf-8");
    response
        .headers_mut()
        .insert(CONTENT_DISPOSITION, HeaderValue::from_static(name));
    response
}
