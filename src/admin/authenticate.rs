//! Who asks: writing needs a token always, and reading does unless the request was made on
//! this machine and the operator lets anyone on it read.

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::Admin;
use super::error::AdminError;
use super::extract::Sender;
use crate::access::{Principal, Role, SignedIn};
use crate::api::ErrorCode;
use crate::clock::ReceivedAt;
use crate::http::{AuthorizationHeader, LocalClient};
use crate::ledger::Ledger;

/// When the request came in.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestTime(pub(super) Timestamp);

/// The holder of a valid token.
#[derive(Clone, Debug)]
pub(super) struct Authenticated(pub(super) Principal);

/// A principal that may read: a token's holder, or any client on loopback where that is
/// set.
#[derive(Clone, Debug)]
pub(super) struct ReadAccess(pub(super) Principal);

/// A principal that may also read exceptions, advisories, overrides and the status.
#[derive(Clone, Debug)]
pub(super) struct RecordsReader(pub(super) Principal);

/// By what somebody reads, to be asked again while a stream is open.
pub(super) enum ReadCredential {
    Token(SecretString),
    SignedIn(SignedIn),
    /// Of a client on loopback, where that is set.
    None,
}

impl ReadCredential {
    /// Who may read by it now; `None` once the token has ended. Memory only.
    pub(super) fn principal(&self, admin: &Admin, now: Timestamp) -> Option<Principal> {
        match self {
            Self::Token(token) => admin.ledger.authenticate(token.expose_secret(), now),
            Self::SignedIn(signed_in) => signed_in.still(now),
            Self::None => Some(Principal::anonymous(Role::Viewer)),
        }
    }
}

/// What is answered while the ledger loads.
const SERVED_WHILE_LOADING: [&str; 3] =
    ["/api/v1/status", "/api/v1/replicas", "/api/v1/revocations"];

/// Runs before every route: checks the Host header, then reads the clock once, and notes whether
/// the client is on this machine.
pub(super) async fn admit_host(
    State(admin): State<Admin>,
    mut request: Request,
    next: Next,
) -> Response {
    if !admin.hosts.admit(request.headers()) {
        return AdminError::new(
            ErrorCode::Forbidden,
            "this address does not answer to that host",
        )
        .next("use the address of [admin], or its public_url")
        .into_response();
    }
    if wants_all(request.uri().path()) && !admin.ledger.is_loaded_soon().await {
        return AdminError::new(ErrorCode::Unavailable, "the ledger is still being loaded")
            .next("try again in a moment; the status says when it is loaded")
            .into_response();
    }
    let local = LocalClient::of(request.extensions(), request.headers());
    let extensions = request.extensions_mut();
    extensions.insert(ReceivedAt(admin.gate.now()));
    local.map(|mark| extensions.insert(mark));
    next.run(request).await
}

/// Lists and views want the whole ledger in memory. What is urgent does not wait for that.
fn wants_all(path: &str) -> bool {
    !SERVED_WHILE_LOADING
        .iter()
        .any(|start| path.starts_with(start))
}

impl FromRequestParts<Admin> for RequestTime {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, _: &Admin) -> Result<Self, AdminError> {
        let now = parts.extensions.get::<ReceivedAt>();
        let now = now.map(|ReceivedAt(now)| Self(*now));
        now.ok_or_else(|| AdminError::new(ErrorCode::Internal, "no clock"))
    }
}

impl FromRequestParts<Admin> for Authenticated {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Result<Self, AdminError> {
        let now = RequestTime::from_request_parts(parts, admin).await?;
        match authenticated(parts, admin, now.0)? {
            Some(principal) => {
                sent_by(parts, &principal);
                Ok(Self(principal))
            }
            None => Err(unauthenticated("this needs a token")),
        }
    }
}

impl FromRequestParts<Admin> for ReadAccess {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Result<Self, AdminError> {
        let now = RequestTime::from_request_parts(parts, admin).await?;
        match authenticated(parts, admin, now.0)? {
            Some(principal) if principal.role().may_view() => {
                sent_by(parts, &principal);
                Ok(Self(principal))
            }
            Some(principal) => Err(forbidden(&principal, "read here")),
            None if admin.anonymous_reads && is_local(parts) => {
                Ok(Self(Principal::anonymous(Role::Viewer)))
            }
            None => Err(unauthenticated("reading here needs a token")),
        }
    }
}

impl FromRequestParts<Admin> for ReadCredential {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Result<Self, AdminError> {
        ReadAccess::from_request_parts(parts, admin).await?;
        let signed_in = parts.extensions.get::<SignedIn>().cloned();
        Ok(match (sent_token(parts)?, signed_in) {
            (Some(token), _) => Self::Token(token),
            (None, Some(signed_in)) => Self::SignedIn(signed_in),
            (None, None) => Self::None,
        })
    }
}

impl FromRequestParts<Admin> for RecordsReader {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Result<Self, AdminError> {
        let ReadAccess(principal) = ReadAccess::from_request_parts(parts, admin).await?;
        reads_records(&principal)?;
        Ok(Self(principal))
    }
}

/// Refuses roles that may not read what people wrote, by whatever door.
pub(super) fn reads_records(principal: &Principal) -> Result<(), AdminError> {
    match principal.role().may_view_records() {
        true => Ok(()),
        false => Err(forbidden(principal, "read what people wrote and granted")),
    }
}

fn sent_by(parts: &mut Parts, principal: &Principal) {
    let sender = Sender(principal.name().to_owned());
    parts.extensions.insert(sender);
}

/// `None`: no token was sent, and nobody is signed in. An invalid token is an error, never
/// an anonymous client.
fn authenticated(
    parts: &Parts,
    admin: &Admin,
    now: Timestamp,
) -> Result<Option<Principal>, AdminError> {
    let Some(token) = sent_token(parts)? else {
        let signed_in = parts.extensions.get::<SignedIn>();
        return Ok(signed_in.map(|it| it.principal.clone()));
    };
    match admin.ledger.authenticate(token.expose_secret(), now) {
        Some(principal) => Ok(Some(principal)),
        None => Err(unauthenticated(&why_not(
            &admin.ledger,
            token.expose_secret(),
            now,
        ))),
    }
}

/// Who holds the secret may know that it was one.
fn why_not(ledger: &Ledger, token: &str, now: Timestamp) -> String {
    match ledger.expired_token(token, now) {
        Some(expired) => expired.to_string(),
        None => "that token is unknown, expired or revoked".to_owned(),
    }
}

fn sent_token(parts: &Parts) -> Result<Option<SecretString>, AdminError> {
    match AuthorizationHeader::from_headers(&parts.headers) {
        Ok(None) => Ok(None),
        Ok(Some(AuthorizationHeader::Bearer(token))) => Ok(Some(token)),
        Ok(Some(AuthorizationHeader::Basic { .. })) | Err(_) => {
            Err(unauthenticated("a token is sent as Authorization: Bearer"))
        }
    }
}

/// By the mark of [`admit_host`], which the console hands on.
fn is_local(parts: &Parts) -> bool {
    parts.extensions.get::<LocalClient>().is_some()
}

fn unauthenticated(message: &str) -> AdminError {
    AdminError::new(ErrorCode::Unauthenticated, message)
        .next("pass --token or SEKISHO_TOKEN; make one with: sekisho token create")
}

pub(super) fn forbidden(principal: &Principal, what: &str) -> AdminError {
    let (name, role) = (principal.name(), principal.role());
    let message = format!("{name} has the role {role} and may not {what}");
    AdminError::new(ErrorCode::Forbidden, message).next("ask an admin for a token that may")
}
