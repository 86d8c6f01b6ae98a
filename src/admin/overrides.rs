//! `/api/v1/break-glass` and `/api/v1/modes`: overrides under a ticket, for some hours.

use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};

use super::Admin;
use super::authenticate::{Authenticated, RecordsReader, RequestTime, forbidden};
use super::error::AdminError;
use super::extract::{JsonBody, PathName, StrictQuery};
use super::images::{digest_of, within_scope};
use super::origin::RequestOrigin;
use crate::access::Principal;
use crate::api::{
    BreakGlassEnded, BreakGlassList, BreakGlassRequest, BreakGlassView, EndQuery, ErrorBody,
    ErrorCode, ModeEnded, ModeList, ModeRequest, ModeView,
};
use crate::ledger::{Attributed, EarlyEnd, NewBreakGlass, NewTimedMode};
use crate::trust::{BreakGlass, EnvironmentName, TimedMode, is_placeholder};

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
    origin: RequestOrigin,
    JsonBody(request): JsonBody<BreakGlassRequest>,
) -> Result<Json<BreakGlassView>, AdminError> {
    may_break_glass(&principal)?;
    let image = admin.image(&request.image, Some(&request.environment))?;
    within_scope(&principal, image.repository(), Some(&request.environment))?;
    let environment = admin.environment(Some(request.environment))?;
    let new = NewBreakGlass {
        environment,
        digest: digest_of(&image)?,
        image: Some(image.to_string()),
        ticket: required_text("ticket", &request.ticket)?,
        reason: required_text("reason", &request.reason)?,
        granted_by: principal.name().to_owned(),
        granted_at: now,
        until: end_after(now, request.hours, BreakGlass::MAX_HOURS)?,
        lifts_revocation: request.revoked,
    };
    let id = admin
        .ledger
        .grant_break_glass(origin.about(&image.to_string(), new))
        .await?;
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
    Ok(Json(admin.told_unlifted(grant.into(), now).await))
}

/// List the grants that hold now, or are dated ahead and will.
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
    let lasting = admin.ledger.index().lasting_break_glass(now);
    let seen = |grant: &BreakGlass| admin.grant_within(principal.scope(), grant);
    let view = |grant: BreakGlass| admin.named_within(principal.scope(), grant.into());
    let seen = lasting.into_iter().filter(seen).map(view).collect();
    let break_glass = admin.with_unlifted(seen, now).await;
    Json(BreakGlassList { break_glass })
}

/// End a grant before its time.
#[utoipa::path(
    delete,
    path = "/api/v1/break-glass/{id}",
    operation_id = "end_grant",
    params(("id" = String, Path, description = "As the list shows it"), EndQuery),
    responses((status = 200, body = BreakGlassEnded), (status = 404, body = ErrorBody))
)]
pub(super) async fn end_break_glass(
    State(admin): State<Admin>,
    Authenticated(principal): Authenticated,
    RequestTime(now): RequestTime,
    origin: RequestOrigin,
    PathName(id): PathName,
    StrictQuery(query): StrictQuery<EndQuery>,
) -> Result<Json<BreakGlassEnded>, AdminError> {
    may_break_glass(&principal)?;
    let unknown = || {
        AdminError::new(
            ErrorCode::NotFound,
            format!("no break-glass {id} holds now"),
        )
        .next("sekisho break-glass list shows those that do")
    };
    let number = id.strip_prefix("break-glass:").unwrap_or(&id);
    let number: i64 = number.parse().map_err(|_| unknown())?;
    let lasting = admin.ledger.index().lasting_break_glass(now).into_iter();
    let mut within = lasting.filter(|it| admin.grant_within(principal.scope(), it));
    let grant = within.find(|it| it.id == number).ok_or_else(unknown)?;
    let end = early_end(&principal, now, query)?;
    let ledger = &admin.ledger;
    if !ledger
        .end_break_glass(grant.id, &grant.environment, ended(origin, &grant, end))
        .await?
    {
        return Err(unknown());
    }
    tracing::warn!(
        break_glass.id = grant.id,
        environment = %grant.environment,
        image.digest = %grant.digest,
        principal = principal.name(),
        "break-glass ended early"
    );
    let others = ledger.index().lasting_break_glass(now).into_iter();
    let others = others.filter(|it| {
        it.id != grant.id && it.digest == grant.digest && it.environment == grant.environment
    });
    Ok(Json(BreakGlassEnded {
        still_let_through: others.map(|it| BreakGlassView::from(it).id).collect(),
        ended: grant.into(),
        ended_by: principal.name().to_owned(),
        ended_at: now,
    }))
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
    origin: RequestOrigin,
    JsonBody(request): JsonBody<ModeRequest>,
) -> Result<Json<ModeView>, AdminError> {
    may_set_modes(&principal, &request.environment)?;
    let environment = admin.environment(Some(request.environment))?;
    let new = NewTimedMode {
        environment,
        mode: request.mode,
        ticket: required_text("ticket", &request.ticket)?,
        reason: optional_text("reason", request.reason)?,
        set_by: principal.name().to_owned(),
        set_at: now,
        until: end_after(now, request.hours, TimedMode::MAX_HOURS)?,
    };
    let environment = new.environment.clone();
    admin.ledger.set_mode(origin.of(new)).await?;
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

/// List the modes that were set for some hours, and hold now or are dated ahead.
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
    let lasting = admin.ledger.index().lasting_modes(now);
    let scope = principal.scope();
    let seen = |set: &TimedMode| scope.covers_environment(set.environment.as_str());
    let modes = lasting.into_iter().filter(seen).map(Into::into).collect();
    Json(ModeList { modes })
}

/// End the mode that was set for an environment: the configuration's holds again.
#[utoipa::path(
    delete,
    path = "/api/v1/modes/{environment}",
    operation_id = "end_mode",
    params(("environment" = String, Path), EndQuery),
    responses((status = 200, body = ModeEnded), (status = 404, body = ErrorBody))
)]
pub(super) async fn end_mode(
    State(admin): State<Admin>,
    Authenticated(principal): Authenticated,
    RequestTime(now): RequestTime,
    origin: RequestOrigin,
    PathName(environment): PathName,
    StrictQuery(query): StrictQuery<EndQuery>,
) -> Result<Json<ModeEnded>, AdminError> {
    let environment = EnvironmentName::parse(&environment)
        .map_err(|error| AdminError::bad_request(error.to_string()))?;
    may_set_modes(&principal, &environment)?;
    let environment = admin.environment(Some(environment))?;
    let unset = || {
        let message = format!("no mode is set for {environment}; the configuration's holds");
        AdminError::new(ErrorCode::NotFound, message)
    };
    let set = admin.ledger.index().timed_mode(&environment);
    let set = set.filter(|set| now < set.until).ok_or_else(unset)?;
    let end = early_end(&principal, now, query)?;
    if admin.ledger.end_modes(&environment, origin.of(end)).await? == 0 {
        return Err(unset());
    }
    let rulebook = admin.gate.rulebook();
    let configured = rulebook.environment(&environment);
    tracing::warn!(
        environment = %environment,
        principal = principal.name(),
        "mode ended early"
    );
    Ok(Json(ModeEnded {
        ended: set.into(),
        mode: configured.map_or_else(Default::default, |it| it.settings.mode),
        ended_by: principal.name().to_owned(),
        ended_at: now,
    }))
}

/// With the name of the image that was let through, where it is known.
fn ended(origin: RequestOrigin, grant: &BreakGlass, end: EarlyEnd) -> Attributed<EarlyEnd> {
    match &grant.image {
        Some(image) => origin.about(image, end),
        None => origin.of(end),
    }
}

fn early_end(
    principal: &Principal,
    at: Timestamp,
    query: EndQuery,
) -> Result<EarlyEnd, AdminError> {
    Ok(EarlyEnd {
        by: principal.name().to_owned(),
        at,
        reason: optional_text("reason", query.reason)?,
    })
}

/// The error for an override that is recorded but cannot be read back from memory yet. It
/// holds all the same.
fn not_yet_in_memory() -> AdminError {
    AdminError::new(ErrorCode::Unavailable, "recorded, but not yet in memory")
        .next("sekisho status shows it in a moment")
}

fn may_break_glass(principal: &Principal) -> Result<(), AdminError> {
    let may = principal.role().may_break_glass() && principal.scope().repositories().is_empty();
    match may {
        true => Ok(()),
        false => Err(forbidden(
            principal,
            "break glass for a digest wherever it lies",
        )),
    }
}

fn may_set_modes(principal: &Principal, environment: &EnvironmentName) -> Result<(), AdminError> {
    let scope = principal.scope();
    let may = principal.role().may_set_modes()
        && scope.repositories().is_empty()
        && scope.covers_environment(environment.as_str());
    match may {
        true => Ok(()),
        false => Err(forbidden(
            principal,
            &format!("set the mode of {environment}"),
        )),
    }
}

fn optional_text(name: &str, text: Option<String>) -> Result<Option<String>, AdminError> {
    text.map(|text| required_text(name, &text)).transpose()
}

/// Refuses what a template left to be written.
pub(super) fn not_left_over(name: &str, text: &str) -> Result<(), AdminError> {
    match is_placeholder(text) {
        true => Err(
            AdminError::bad_request(format!("{name} {text:?} is left from a template"))
                .next("say why, for whoever asks later"),
        ),
        false => Ok(()),
    }
}

fn required_text(name: &str, text: &str) -> Result<String, AdminError> {
    if text.trim().is_empty() || text.chars().count() > MAX_TEXT_CHARS {
        let message = format!("a {name} is needed, of at most {MAX_TEXT_CHARS} characters");
        return Err(AdminError::bad_request(message));
    }
    not_left_over(name, text)?;
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
