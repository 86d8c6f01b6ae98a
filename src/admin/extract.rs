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
            .map_err(|rejection| AdminError::bad_request(query_problem(&rejection.body_text())))
    }
}

/// What is wrong with a query, for people: its field, and what that may say. `text` is as
/// axum and serde tell it.
fn query_problem(text: &str) -> String {
    let text = text.strip_prefix("Failed to deserialize query string: ");
    let text = text.unwrap_or_default().replace('`', "");
    let (field, why) = text.split_once(": ").unwrap_or(("the query", &text));
    let named = |word: &str| {
        let named = text.split_once(word).map(|(_, named)| named);
        named.map(|named| named.rsplit_once(", expected ").unwrap_or((named, "")))
    };
    if let Some((value, allowed)) = named("unknown variant ") {
        return format!("{field} is not {value:?}; it may be {allowed}");
    }
    if let Some((unknown, known)) = named("unknown field ") {
        return format!("{unknown} is not known here; known is {known}");
    }
    if let Some((missing, _)) = named("missing field ") {
        return format!("{missing} is missing");
    }
    match why {
        "invalid digit found in string" => format!("{field} is no whole number"),
        "number too large to fit in target type" => format!("{field} is too large a number"),
        "provided string was not true or false" => format!("{field} may be true or false"),
        why => format!("{field}: {why}"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{DecisionQuery, ImageQuery, VerdictQuery};

    fn told<T: DeserializeOwned + std::fmt::Debug>(query: &str) -> String {
        let address = format!("/x?{query}").parse().unwrap();
        let refused = Query::<T>::try_from_uri(&address).unwrap_err();
        query_problem(&refused.body_text())
    }

    #[test]
    fn a_query_that_is_wrong_is_told_by_its_field_and_what_is_allowed() {
        for (told, parts) in [
            (
                told::<DecisionQuery>("reason=bad%60"),
                ["reason is not \"bad\"; it may be one of ", "not-scanned"],
            ),
            (
                told::<DecisionQuery>("limit=many"),
                ["limit", "no whole number"],
            ),
            (
                told::<DecisionQuery>("limit=-1"),
                ["limit", "no whole number"],
            ),
            (
                told::<ImageQuery>("denied=perhaps"),
                ["denied", "true or false"],
            ),
            (
                told::<ImageQuery>("colour=red"),
                ["colour is not known here; known is one of ", "cve"],
            ),
            (
                told::<VerdictQuery>("findings=true"),
                ["image is missing", ""],
            ),
            (
                told::<VerdictQuery>("image=a&exposure=outside"),
                ["exposure is not \"outside\"", "internal"],
            ),
            (
                told::<VerdictQuery>("image=a&environment=A%20B"),
                ["environment: ", ""],
            ),
            (told::<DecisionQuery>("since=soon"), ["since: ", ""]),
        ] {
            assert!(
                parts.iter().all(|it| told.contains(it)),
                "{parts:?}: {told}"
            );
            assert!(!told.contains("deserialize"), "{told}");
        }
    }
}
