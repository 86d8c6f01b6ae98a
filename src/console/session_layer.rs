//! Before every request: whose session the cookie names.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, header};
use jiff::Timestamp;

use super::sessions::{CurrentSession, HeldBack, SESSION_LIFE};
use super::state::Console;
use crate::access::{Principal, SignedIn};
use crate::clock::ReceivedAt;

/// The cookie's name by TLS: browsers take one that begins so from this very host alone,
/// and send it by TLS alone.
const SECURE_NAME: &str = "__Host-sekisho";
const PLAIN_NAME: &str = "sekisho";
/// Ids are no longer.
const MAX_ID_CHARS: usize = 64;

/// Notes who is signed in. What only reads may then do so at the API too, so that a page's
/// JSON opens in the same browser; what writes needs a form of this site, or a token.
pub(super) async fn recognise(
    State(console): State<Console>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some((id, session)) = session(&console, &request) {
        let signed_in = SignedIn::new(session.principal.clone(), still(console, id));
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            request.extensions_mut().insert(signed_in.clone());
        }
        request.extensions_mut().insert(HeldBack(signed_in));
        request.extensions_mut().insert(session);
    }
    next.run(request).await
}

fn session(console: &Console, request: &Request) -> Option<(String, CurrentSession)> {
    let ReceivedAt(now) = *request.extensions().get::<ReceivedAt>()?;
    let id = session_id(console, request.headers())?;
    let session = console.sessions.current(&id, &console.ledger, now)?;
    Some((id, session))
}

/// Streams outlive the request: they end with the session.
fn still(
    console: Console,
    id: String,
) -> Arc<dyn Fn(Timestamp) -> Option<Principal> + Send + Sync> {
    Arc::new(move |now| {
        let session = console.sessions.current(&id, &console.ledger, now)?;
        Some(session.principal)
    })
}

/// What the cookie of a request says.
pub(super) fn session_id(console: &Console, headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter();
    let lines = lines.filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';'));
    let found = pairs.find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == cookie_name(console.secure)).then_some(value)
    })?;
    (found.len() <= MAX_ID_CHARS).then(|| found.to_owned())
}

const fn cookie_name(secure: bool) -> &'static str {
    match secure {
        true => SECURE_NAME,
        false => PLAIN_NAME,
    }
}

/// The cookie that begins a session, or with an empty id ends one.
pub(super) fn cookie(console: &Console, id: &str) -> Option<HeaderValue> {
    let name = cookie_name(console.secure);
    let secure = if console.secure { "; Secure" } else { "" };
    let life = match id {
        "" => 0,
        _ => SESSION_LIFE.as_secs(),
    };
    let text = format!("{name}={id}; Path=/; HttpOnly; SameSite=Strict; Max-Age={life}{secure}");
    HeaderValue::try_from(text).ok()
}
