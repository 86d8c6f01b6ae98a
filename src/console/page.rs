//! A page as it goes out.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, StatusCode};

use crate::oci::without_controls;

/// Nothing comes from elsewhere, nothing written in the page runs, no other site shows it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// Rows of a long list that one page shows, as the API takes it.
pub(super) const PER_PAGE: &str = "50";

/// A page made from a template.
pub(super) struct Page(Response);

impl Page {
    /// Draws a template. Its text is escaped there; here what would steer a terminal or hide
    /// text is.
    pub fn of(template: &impl Template) -> Self {
        Self::with_status(StatusCode::OK, template)
    }

    pub fn with_status(status: StatusCode, template: &impl Template) -> Self {
        match template.render() {
            Ok(text) => {
                let text = without_controls(&text).into_owned();
                Self(guarded(
                    (status, text).into_response(),
                    "text/html; charset=utf-8",
                ))
            }
            Err(error) => {
                tracing::error!(%error, "a page could not be drawn");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                let text = "the page could not be drawn; the log says more\n";
                Self(guarded(
                    (status, text).into_response(),
                    "text/plain; charset=utf-8",
                ))
            }
        }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        self.0
    }
}

/// With the headers of everything that is not an asset: nobody keeps it, nothing guesses
/// its type, no other site learns its address or shows it.
pub(super) fn guarded(mut response: Response, content_type: &'static str) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // A form says where it comes from only if its own site may know.
        (REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(
        "cross-origin-opener-policy",
        HeaderValue::from_static("same-origin"),
    );
    response
}
