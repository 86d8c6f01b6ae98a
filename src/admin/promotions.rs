//! `POST /api/v1/promotions`: judged first, recorded if it may be pulled then.

use axum::Json;
use axum::extract::State;

use super::Admin;
use super::authenticate::{Authenticated, RequestTime, forbidden};
use super::error::AdminError;
use super::extract::JsonBody;
use super::hypothetical_pull::HypotheticalPull;
use super::images::within_scope;
use super::origin::RequestOrigin;
use super::verdicts::view;
use crate::api::{ErrorBody, PromotionAnswer, PromotionRequest, no_link};
use crate::ledger::NewPromotion;
use crate::oci::ImageRef;
use crate::trust::{ReasonClass, Verdict};

/// Let an image into an environment.
#[utoipa::path(
    post,
    path = "/api/v1/promotions",
    request_body = PromotionRequest,
    responses(
        (status = 200, body = PromotionAnswer),
        (status = 422, description = "Judged, and denied: nothing recorded", body = ErrorBody),
    )
)]
pub(super) async fn promote(
    State(admin): State<Admin>,
    Authenticated(principal): Authenticated,
    RequestTime(now): RequestTime,
    origin: RequestOrigin,
    JsonBody(request): JsonBody<PromotionRequest>,
) -> Result<Json<PromotionAnswer>, AdminError> {
    if !principal.role().may_promote() {
        return Err(forbidden(&principal, "promote"));
    }
    if let Some(why) = request.link.as_deref().and_then(no_link) {
        return Err(AdminError::bad_request(format!("link {why}")));
    }
    let image = admin.image(&request.image, Some(&request.environment))?;
    within_scope(&principal, image.repository(), Some(&request.environment))?;
    let environment = admin.environment(Some(request.environment.clone()))?;
    names_a_digest(&image, request.resolve)?;
    let inspected = admin.gate.inspector().inspect(&image, now).await?;
    let rulebook = admin.gate.rulebook();
    let hypothetical = HypotheticalPull::new(&admin, &environment, image.repository(), now)?;
    let inspector = admin.gate.inspector();
    let promoter = Some(principal.name());
    let judged = inspector.judge(hypothetical.pull(), &rulebook, &inspected, promoter);
    let (verdict, _) = judged.await;
    let forced = denied_but_forced(&verdict, &image, request.force)?;
    let new = NewPromotion {
        subject: verdict.subject().clone(),
        tag: inspected.tag.clone(),
        promoter: principal.name().to_owned(),
        promoted_at: now,
        reason: request.reason,
        link: request.link,
        forced,
    };
    inspector.record(&inspected).await?;
    let ledger = &admin.ledger;
    let id = ledger
        .promote(origin.about(&image.to_string(), new))
        .await?;
    let judged = inspector.judge(hypothetical.pull(), &rulebook, &inspected, None);
    let (verdict, _) = judged.await;
    Ok(Json(PromotionAnswer {
        id: format!("promotion:{id}"),
        image: image.to_string(),
        digest: inspected.digest,
        tag: inspected.tag,
        environment: verdict.subject().environment.clone(),
        forced,
        verdict: view(&verdict, image.to_string()),
    }))
}

/// A promotion needs a digest, since a tag can move between looking and promoting.
fn names_a_digest(image: &ImageRef, resolve: bool) -> Result<(), AdminError> {
    if resolve || image.digest().is_some() {
        return Ok(());
    }
    Err(
        AdminError::bad_request(format!("{image} names no digest, and a tag can move")).next(
            "name it as host/name:tag@sha256:…, or pass --resolve to take what the tag is now",
        ),
    )
}

/// Whether it was denied and recorded all the same. What cannot be judged
/// safely cannot be forced, and nor can what was revoked.
fn denied_but_forced(verdict: &Verdict, image: &ImageRef, force: bool) -> Result<bool, AdminError> {
    let Some(denial) = verdict.denials().first() else {
        return Ok(false);
    };
    match denial.reason.class() {
        ReasonClass::Evidence | ReasonClass::Harm if force => Ok(true),
        ReasonClass::Evidence
        | ReasonClass::Harm
        | ReasonClass::Withdrawn
        | ReasonClass::Structural
        | ReasonClass::OwnFailure => Err(AdminError::denied(view(verdict, image.to_string()))),
    }
}
