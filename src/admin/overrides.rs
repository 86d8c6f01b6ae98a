//! `/api/v1/break-glass` and `/api/v1/modes`: overrides under a ticket, for some hours.

use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};

use super::Admin;
use super::authenticate::{Authenticated, RecordsReader, RequestTime, forbidden};
use super::error::AdminError;
use super::extract::JsonBody;
use super::images::{digest_of, within_scope};
use crate::api::{
    BreakGlassList, BreakGlassRequest, BreakGlassView, ErrorBody, ErrorCode, ModeList, ModeRequest,
    ModeView,
};
use crate::ledger::{NewBreakGlass, NewTimedMode};
use crate::trust::{BreakGlass, TimedMode};

/// The longest text that is taken, in characters.
const MAX_TEXT_CHARS: usize = 1000;

/// Let a digest through although judgement denies it, for some hours.
#[utoipa::path(
    post,
    path = "/api/v1/break-glass",
    operation_id = "grant",
    request_body = BreakGlassRequest,
    responses(
        (status = 200, body = BreakGlassView),
        (status = 400, body = ErrorBody),
        (status = 422, description = "A name that the webhook denies", body = ErrorBody),
    )
)]
pub(super) async fn grant_break_glass(
    State(admin): State<Admin>,
    Authenticated(principal): Authenticated,
    RequestTime(now): RequestTime,
    JsonBody(request): JsonBody<BreakGlassRequest>,
) -> Result<Json<BreakGlassView>, AdminError> {
    let may = principal.role().may_break_glass() && principal.scope().repositories().is_empty();
    if !may {
        return Err(forbidden(
            &principal,
            "break glass for a digest wherever it lies",
        ));
    }
    let image = admin.image(&request.image, Some(&request.environment))?;
    within_scope(&principal, image.repository(), Some(&request.environment))?;
    let environment = admin.environment(Some(request.environment))?;
    let new = NewBreakGlass {
        environment,
        digest: digest_of(&image)?,
        ticket: required_text("ticket", &request.ticket)?,
        reason: required_text("reason", &request.reason)?,
        granted_by: principal.name().to_owned(),
        granted_at: now,
        until: end_after(now, request.hours, BreakGlass::MAX_HOURS)?,
        lifts_revocation: request.revoked,
    };
    let id = admin.ledger.grant_break_glass(new).await?;
    let granted = admin.ledger.index().active_break_glass(now).into_iter();
    let grant = granted.rev().find(|it| it.id == id);
    let grant = grant.ok_or_else(not_yet_in_memory)?;
    tracing::warn!(
        break_glass.id = id,
        break_glass.ticket = %grant.ticket,
        environment = %grant.environment,
        image.digest = %grant.digest,
        principal = %grant.granted_by,
        "break-glass granted"
    );
    Ok(Json(grant.into()))
}

/// List the grants that hold now.
#[utoipa::path(
    get,
    path = "/api/v1/break-glass",
    operation_id = "grants",
    responses((status = 200, body = BreakGlassList))
)]
pub(super) async fn list_break_glass(
    State(admin): State<Admin>,
    RecordsReader(principal): RecordsReader,
    RequestTime(now): RequestTime,
) -> Json<BreakGlassList> {
    let active = admin.ledger.index().active_break_glass(now);
    let seen = |grant: &BreakGlass| admin.grant_within(principal.scope(), grant);
    let break_glass = active.into_iter().filter(seen).map(Into::into).collect();
    Json(BreakGlassList { break_glass })
}

/// Judge an environment in another mode, for some hours.
#[utoipa::path(
    post,
    path = "/api/v1/modes",
    request_body = ModeRequest,
    responses((status = 200, body = ModeView), (status = 400, body = ErrorBody))
)]
pub(super) async fn set_mode(
    State(admin): State<Admin>,
    Authenticated(principal): Authenticated,
    RequestTime(now): RequestTime,
    JsonBody(request): JsonBody<ModeRequest>,
) -> Result<Json<ModeView>, AdminError> {
    let scope = principal.scope();
    let may = principal.role().may_set_modes()
        && scope.repositories().is_empty()
        && scope.covers_environment(request.environment.as_str());
    if !may {
        let what = format!("set the mode of {}", request.environment);
        return Err(forbidden(&principal, &what));
    }
    let environment = admin.environment(Some(request.environment))?;
    let new = NewTimedMode {
        environment,
        mode: request.mode,
        ticket: required_text("ticket", &request.ticket)?,
        set_by: principal.name().to_owned(),
        set_at: now,
        until: end_after(now, request.hours, TimedMode::MAX_HOURS)?,
    };
    let environment = new.environment.clone();
    admin.ledger.set_mode(new).await?;
    let set = admin.ledger.index().timed_mode(&environment);
    let set = set.ok_or_else(not_yet_in_memory)?;
    tracing::warn!(
        mode = %set.mode,
        mode.ticket = %set.ticket,
        environment = %set.environment,
        principal = %set.set_by,
        "mode set for some hours"
    );
    Ok(Json(set.into()))
}

/// List the modes that were set for some hours, and hold now.
#[utoipa::path(
    get,
    path = "/api/v1/modes",
    operation_id = "modes",
    responses((status = 200, body = ModeList))
)]
pub(super) async fn list_modes(
    State(admin): State<Admin>,
    RecordsReader(principal): RecordsReader,
    RequestTime(now): RequestTime,
) -> Json<ModeList> {
    let active = admin.ledger.index().active_modes(now);
    let scope = principal.scope();
    let seen = |set: &TimedMode| scope.covers_environment(set.environment.as_str());
    let modes = active.into_iter().filter(seen).map(Into::into).collect();
    Json(ModeList { modes })
}

/// The error for an override that is recorded but cannot be read back from memory yet. It
/// holds all the same.
fn not_yet_in_memory() -> AdminError {
    AdminError::new(ErrorCode::Unavailable, "recorded, but not yet in memory")
        .next("sekisho status shows it in a moment")
}

fn required_text(name: &str, text: &str) -> Result<String, AdminError> {
    if text.trim().is_empty() || text.chars().count() > MAX_TEXT_CHARS {
        let message = format!("a {name} is needed, of at most {MAX_TEXT_CHARS} characters");
        return Err(AdminError::bad_request(message));
    }
    Ok(text.to_owned())
}

fn end_after(now: Timestamp, hours: u32, most: u32) -> Result<Timestamp, AdminError> {
    let end = now.checked_add(SignedDuration::from_hours(i64::from(hours)));
    match end {
        Ok(end) if (1..=most).contains(&hours) => Ok(end),
        _ => Err(AdminError::bad_request(format!(
            "{hours} hours is not possible; say 1 to {most}"
        ))),
    }
}
