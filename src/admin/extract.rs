//! Extractors for JSON bodies, queries and path segments; what they refuse is answered as
//! an [`AdminError`].

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::Admin;
use super::error::AdminError;
use crate::uploads::UploadText;

/// The longest body but for reports and policies to try, in bytes.
const MAX_BODY_BYTES: usize = 64 << 10;

/// Whose body it is: each sender has turns of its own. Set where a request is
/// authenticated.
#[derive(Clone)]
pub(super) struct Sender(pub(super) String);

/// A JSON body.
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Admin> for JsonBody<T> {
    type Rejection = AdminError;

    async fn from_request(request: Request, admin: &Admin) -> Result<Self, AdminError> {
        let text = receive(request, admin, MAX_BODY_BYTES).await?;
        match axum::Json::from_bytes(&text.bytes) {
            Ok(axum::Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(unreadable(rejection.body_text())),
        }
    }
}

/// A JSON body of at most `LIMIT` bytes, not read yet.
pub(super) struct LargeBody<const LIMIT: usize>(pub(super) UploadText);

impl<const LIMIT: usize> FromRequest<Admin> for LargeBody<LIMIT> {
    type Rejection = AdminError;

    async fn from_request(request: Request, admin: &Admin) -> Result<Self, AdminError> {
        receive(request, admin, LIMIT).await.map(Self)
    }
}

async fn receive(request: Request, admin: &Admin, limit: usize) -> Result<UploadText, AdminError> {
    let (parts, body) = request.into_parts();
    if !is_json(&parts.headers) {
        return Err(unreadable("the body must be application/json"));
    }
    let sender = parts.extensions.get::<Sender>();
    let sender = sender.map_or("", |Sender(name)| name);
    let upload = admin.uploads.receive(sender, body, limit).await?;
    Ok(upload.text().await?)
}

fn unreadable(message: impl Into<String>) -> AdminError {
    AdminError::bad_request(message).next("see /api/v1/openapi.json")
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let media_type = value.and_then(|value| value.split(';').next());
    media_type.is_some_and(|it| it.trim().eq_ignore_ascii_case("application/json"))
}

/// The query of a GET.
pub(super) struct StrictQuery<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for StrictQuery<T> {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AdminError> {
        let query: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        query
            .map(|Query(asked)| Self(asked))
            .map_err(|rejection| AdminError::bad_request(rejection.body_text()))
    }
}

/// The last segment of the path.
pub(super) struct PathName(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for PathName {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AdminError> {
        let path: Result<Path<String>, PathRejection> =
            Path::from_request_parts(parts, state).await;
        path.map(|Path(name)| Self(name))
            .map_err(|rejection| AdminError::bad_request(rejection.body_text()))
    }
}
