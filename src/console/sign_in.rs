//! Signing in with a token, and out.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use url::form_urlencoded;

use super::form::Form;
use super::page::{Page, guarded};
use super::page_error::SignInPage;
use super::session_layer::{cookie, session_id};
use super::state::Console;
use super::visit::Visit;
use crate::ledger::TokenHash;

pub(super) const SIGN_IN: &str = "/sign-in";
pub(super) const SIGN_OUT: &str = "/sign-out";

/// The form.
pub(super) async fn page(visit: Visit) -> Page {
    Page::of(&SignInPage {
        frame: visit.frame("Sign in"),
        next: next_of(&visit),
        failed: None,
    })
}

/// Where a link to the form wants to lead.
fn next_of(visit: &Visit) -> String {
    let query = visit.uri.query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let next = pairs.find(|(name, _)| name == "next");
    next.map_or_else(|| "/".to_owned(), |(_, next)| next.into_owned())
}

/// Begins a session for whoever holds the token. A wrong one costs the same work.
pub(super) async fn sign_in(State(console): State<Console>, form: Form) -> Response {
    let now = form.visit.now;
    let token = TokenHash::of(form.field("token"));
    let Some(principal) = console.ledger.holder(&token, now) else {
        return refused(&form).into_response();
    };
    tracing::info!(principal = principal.name(), "signed in at the console");
    let id = console.sessions.begin(token, now);
    leading_to(&console, form.field("next"), &id)
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
    leading_to(&console, SIGN_IN, "")
}

fn refused(form: &Form) -> Page {
    let page = SignInPage {
        frame: form.visit.frame("Sign in"),
        next: form.field("next").to_owned(),
        failed: Some("That token is unknown, expired or revoked."),
    };
    Page::with_status(StatusCode::UNAUTHORIZED, &page)
}

fn leading_to(console: &Console, next: &str, id: &str) -> Response {
    let place = HeaderValue::try_from(below_root(next));
    let place = place.unwrap_or_else(|_| HeaderValue::from_static("./"));
    let response = (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response();
    let mut response = guarded(response, "text/plain; charset=utf-8");
    if let Some(cookie) = cookie(console, id) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// A path of this site as it is written on a page at the root; whatever else is asked for
/// leads to the root.
fn below_root(next: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    match next.strip_prefix('/') {
        Some(path) if !path.starts_with('/') && path.bytes().all(plain) => format!("./{path}"),
        _ => "./".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_to_pages_of_this_site_alone() {
        assert_eq!(
            below_root("/denials?reason=revoked"),
            "./denials?reason=revoked"
        );
        assert_eq!(below_root("/d/1"), "./d/1");
        for elsewhere in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/a b",
            "/a\r\nSet-Cookie: a=b",
            "javascript:alert(1)",
        ] {
            assert_eq!(below_root(elsewhere), "./", "{elsewhere}");
        }
    }
}
