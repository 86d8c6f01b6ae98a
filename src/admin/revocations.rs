//! `POST /api/v1/revocations` and `…/reinstate`.

use axum::Json;
use axum::extract::State;

use super::Admin;
use super::authenticate::{Authenticated, RequestTime, forbidden};
use super::error::AdminError;
use super::extract::JsonBody;
use super::images::{digest_of, within_scope};
use super::origin::RequestOrigin;
use super::overrides::not_left_over;
use crate::access::Principal;
use crate::api::{ErrorBody, ReinstatementAnswer, RevocationAnswer, RevocationRequest};
use crate::gate::InspectError;
use crate::ledger::{NewRevocation, Reinstatement};
use crate::oci::{Algorithm, Digest, ImageRef};

/// The longest reason that is taken, in characters.
const MAX_REASON_CHARS: usize = 1000;

/// What is not computed for every content before a record names such a digest.
const OF_SHA512: &str = "holds at once for content asked for by this digest; content stored under \
                         sha256 is hashed under sha512 before it is served again, and in the \
                         background: until then an image that holds it is answered, and its layer is not";

/// An index is known by its manifest alone.
const UNREAD: &str = "what lies below it is not known";
const TRIED_AGAIN: &str = "it is asked for again, and if it is an index, its children are revoked \
                           with it once it was read: until then revoke those by their digests";
const REVOKE_BELOW: &str = "it is looked for in repositories that are known: if it is an index \
                            and they lack it, revoke its children by their digests";

/// Take trust back, for a digest in every repository that the token reaches.
#[utoipa::path(
    post,
    path = "/api/v1/revocations",
    request_body = RevocationRequest,
    responses(
        (status = 200, body = RevocationAnswer),
        (status = 400, body = ErrorBody),
        (status = 422, description = "A name that the webhook denies", body = ErrorBody),
    )
)]
pub(super) async fn revoke(
    State(admin): State<Admin>,
    Authenticated(principal): Authenticated,
    RequestTime(now): RequestTime,
    origin: RequestOrigin,
    JsonBody(request): JsonBody<RevocationRequest>,
) -> Result<Json<RevocationAnswer>, AdminError> {
    let (image, digest) = permitted(&admin, &principal, &request)?;
    let new = NewRevocation {
        digest: digest.clone(),
        environment: request.environment.clone(),
        repositories: principal.scope().repository_globs().clone(),
        revoker: principal.name().to_owned(),
        revoked_at: now,
        reason: request.reason.clone(),
    };
    let id = admin
        .ledger
        .revoke(origin.about(&image.to_string(), new))
        .await?;
    // It holds already, whatever the upstream says now.
    let below = admin.gate.inspector().read_below(&image, now).await;
    Ok(Json(RevocationAnswer {
        id: format!("revocation:{id}"),
        note: note(&digest, below.err()),
        digest,
        environment: request.environment,
        repositories: principal.scope().repositories().to_vec(),
        reason: request.reason,
    }))
}

/// What else there is to know of when it takes effect.
fn note(digest: &Digest, unread: Option<InspectError>) -> Option<String> {
    let of_sha512 = (digest.algorithm() == Algorithm::Sha512).then(|| OF_SHA512.to_owned());
    let unread = unread.map(|error| match error {
        InspectError::Unavailable(why) => format!("{UNREAD} ({why}); {TRIED_AGAIN}"),
        InspectError::NotFound(image) => {
            format!("{UNREAD} ({image} is no manifest there); {REVOKE_BELOW}")
        }
        error => format!("{UNREAD} ({error}); {REVOKE_BELOW}"),
    });
    let notes: Vec<String> = of_sha512.into_iter().chain(unread).collect();
    (!notes.is_empty()).then(|| notes.join("\n"))
}

/// Undo a revocation. Both stay on record.
#[utoipa::path(
    post,
    path = "/api/v1/revocations/reinstate",
    request_body = RevocationRequest,
    responses(
        (status = 200, body = ReinstatementAnswer),
        (status = 400, body = ErrorBody),
        (status = 422, description = "A name that the webhook denies", body = ErrorBody),
    )
)]
pub(super) async fn reinstate(
    State(admin): State<Admin>,
    Authenticated(principal): Authenticated,
    RequestTime(now): RequestTime,
    origin: RequestOrigin,
    JsonBody(request): JsonBody<RevocationRequest>,
) -> Result<Json<ReinstatementAnswer>, AdminError> {
    let (image, digest) = permitted(&admin, &principal, &request)?;
    let undo = Reinstatement {
        digest: digest.clone(),
        environment: request.environment.clone(),
        repositories: principal.scope().repository_globs().clone(),
        by: principal.name().to_owned(),
        at: now,
        reason: request.reason.clone(),
    };
    let ended = admin
        .ledger
        .reinstate(origin.about(&image.to_string(), undo))
        .await?;
    Ok(Json(ReinstatementAnswer {
        digest,
        environment: request.environment,
        repositories: principal.scope().repositories().to_vec(),
        ended,
        reason: request.reason,
    }))
}

/// The image as records name it, and the digest to act on, once role, scope and request
/// allow it.
fn permitted(
    admin: &Admin,
    principal: &Principal,
    request: &RevocationRequest,
) -> Result<(ImageRef, Digest), AdminError> {
    if !principal.role().may_revoke() {
        return Err(forbidden(principal, "revoke or reinstate"));
    }
    let image = admin.image(&request.image, request.environment.as_ref())?;
    within_scope(principal, image.repository(), request.environment.as_ref())?;
    if let Some(name) = &request.environment {
        admin.environment(Some(name.clone()))?;
    }
    if request.reason.trim().is_empty() || request.reason.chars().count() > MAX_REASON_CHARS {
        let message = format!("a reason is needed, of at most {MAX_REASON_CHARS} characters");
        return Err(AdminError::bad_request(message));
    }
    not_left_over("reason", &request.reason)?;
    let digest = digest_of(&image)?;
    Ok((image, digest))
}
