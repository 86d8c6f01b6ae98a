//! Why a page is not shown, as a page: with a form to sign in, where that helps.

use std::convert::Infallible;

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::frame::Frame;
use super::page::Page;
use crate::api::{ErrorCode, ErrorDetail};
use crate::oci::without_user_info;

/// A page that is not shown.
pub(super) struct PageError {
    pub frame: Frame,
    /// Path and query of what was asked for.
    pub here: String,
    pub status: StatusCode,
    pub error: ErrorDetail,
}

#[derive(Template)]
#[template(path = "refused.html", config = "src/console/askama.toml")]
struct RefusedPage {
    frame: Frame,
    status: u16,
    message: String,
    next_step: Option<String>,
}

/// The form to sign in.
#[derive(Template)]
#[template(path = "sign_in.html", config = "src/console/askama.toml")]
pub(super) struct SignInPage {
    pub frame: Frame,
    /// Path and query of where it leads.
    pub next: String,
    /// Why the last attempt failed.
    pub failed: Option<&'static str>,
}

impl From<Infallible> for PageError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        if self.error.code == ErrorCode::Unauthenticated {
            let mut frame = self.frame;
            frame.title = "Sign in".to_owned();
            let page = SignInPage {
                frame,
                next: self.here,
                failed: None,
            };
            return Page::with_status(self.status, &page).into_response();
        }
        let page = RefusedPage {
            frame: self.frame,
            status: self.status.as_u16(),
            message: without_user_info(&self.error.message).into_owned(),
            next_step: self.error.next_step,
        };
        Page::with_status(self.status, &page).into_response()
    }
}
