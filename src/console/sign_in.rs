//! Signing in with a token, and out.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::form::Form;
use super::page::{Page, guarded};
use super::page_error::SignInPage;
use super::session_layer::{cookie, session_id};
use super::state::Console;
use super::visit::Visit;
use super::way_back::{self, below_root};
use crate::ledger::TokenHash;

pub(super) const SIGN_OUT: &str = "/sign-out";

/// The form.
pub(super) async fn page(visit: Visit) -> Page {
    Page::of(&SignInPage {
        frame: visit.frame("Sign in"),
        next: way_back::asked(&visit.uri),
        failed: None,
    })
}

/// Begins a session for whoever holds the token. A wrong one costs the same work.
pub(super) async fn sign_in(State(console): State<Console>, form: Form) -> Response {
    let now = form.visit.now;
    let token = TokenHash::of(form.field("token"));
    let Some(principal) = console.ledger.holder(&token, now) else {
        let told = "That token is unknown, expired or revoked.";
        return refused(&form, StatusCode::UNAUTHORIZED, told).into_response();
    };
    // A session would show nothing, and take the room of those that do.
    if !principal.role().may_view() {
        let told = "That token may not read here: sign in with the token of a viewer.";
        return refused(&form, StatusCode::FORBIDDEN, told).into_response();
    }
    tracing::info!(principal = principal.name(), "signed in at the console");
    let id = console.sessions.begin(token, now);
    leading_to(&console, &below_root(form.field("next")), &id)
}

/// Ends the session, here and in the browser.
pub(super) async fn sign_out(
    State(console): State<Console>,
    headers: HeaderMap,
    form: Form,
) -> Response {
    if form.visit.session().is_some()
        && let Some(id) = session_id(&console, &headers)
    {
        console.sessions.end(&id);
    }
    leading_to(&console, &way_back::form(None), "")
}

fn refused(form: &Form, status: StatusCode, told: &'static str) -> Page {
    let page = SignInPage {
        frame: form.visit.frame("Sign in"),
        next: form.field("next").to_owned(),
        failed: Some(told),
    };
    Page::with_status(status, &page)
}

/// `place` as it is written on a page at the root.
fn leading_to(console: &Console, place: &str, id: &str) -> Response {
    let place = HeaderValue::try_from(place);
    let place = place.unwrap_or_else(|_| HeaderValue::from_static("./"));
    let response = (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response();
    let mut response = guarded(response, "text/plain; charset=utf-8");
    if let Some(cookie) = cookie(console, id) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
