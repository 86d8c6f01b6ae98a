//! Decisions: the list for readers, a single one for anyone who has its id.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;

use super::Admin;
use super::asked_decisions::{AskedDecisions, address, asked_image};
use super::authenticate::{ReadAccess, RecordsReader};
use super::error::AdminError;
use super::extract::{PathName, StrictQuery};
use super::within::decision_within;
use crate::api::{
    DecisionList, DecisionQuery, DecisionRecord, ErrorBody, ErrorCode, MAX_DECISIONS,
};
use crate::ledger::DecisionFilter;
use crate::trust::{Decision, DecisionId};

/// Decisions in one answer when the query has no `limit`.
const DEFAULT_DECISIONS: usize = 100;
/// The shortest beginning of an id that is looked for, in characters.
const MIN_ID_CHARS: usize = 6;

/// List decisions, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/decisions",
    params(DecisionQuery),
    responses((status = 200, body = DecisionList))
)]
pub(super) async fn list(
    State(admin): State<Admin>,
    ReadAccess(principal): ReadAccess,
    StrictQuery(query): StrictQuery<DecisionQuery>,
) -> Result<Json<DecisionList>, AdminError> {
    let limit = query.limit.unwrap_or(DEFAULT_DECISIONS);
    let limit = limit.clamp(1, MAX_DECISIONS);
    let environment = admin.known_environment(query.environment)?;
    let asked = AskedDecisions {
        image: asked_image(&admin, query.image.as_deref(), environment.as_ref())?,
        reason: query.reason,
        principal: query.principal,
        client: query.client.as_deref().map(address).transpose()?,
    };
    let filter = DecisionFilter {
        since: query.since,
        environment,
        verdict: query.verdict,
        id: query.id.map(|id| beginning(&id)).transpose()?,
        limit: u32::try_from(limit).ok(),
        until: query.until,
        before: query.page.as_deref().map(page_of).transpose()?,
    };
    let scope = principal.scope();
    let visible = |it: &Decision| asked.is_met_by(&admin, it) && decision_within(&admin, scope, it);
    let ledger = &admin.ledger;
    let found = match query.spread {
        true => ledger.decisions_spread(&filter, visible).await?,
        false => ledger.decisions_where(&filter, visible).await?,
    };
    let is_full = found.len() == limit && !query.spread;
    let next = found.last().filter(|_| is_full).map(page_behind);
    let decisions = found.into_iter().map(DecisionRecord::from);
    let decisions = decisions.map(DecisionRecord::in_brief).collect();
    Ok(Json(DecisionList { decisions, next }))
}

/// The page that begins behind a decision: its time in microseconds, and its id.
fn page_behind(last: &Decision) -> String {
    format!("{}-{}", last.time.as_microsecond(), last.id)
}

fn page_of(text: &str) -> Result<(Timestamp, DecisionId), AdminError> {
    let read = || {
        let (time, id) = text.rsplit_once('-')?;
        let time = Timestamp::from_microsecond(time.parse().ok()?).ok()?;
        Some((time, DecisionId::parse(id)?))
    };
    read().ok_or_else(|| {
        AdminError::bad_request("page is none that an answer named")
            .next("pass the next of an answer as it is")
    })
}

/// The beginning of an id, long enough that it is no guess.
fn beginning(id: &str) -> Result<String, AdminError> {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    match (MIN_ID_CHARS..=32).contains(&id.len()) && id.bytes().all(hex) {
        true => Ok(id.to_owned()),
        false => Err(AdminError::bad_request(format!(
            "{id:?} is no beginning of an id: {MIN_ID_CHARS} to 32 characters of 0-9 and a-f"
        ))),
    }
}

/// One decision by its id. The id has 128 random bits, so holding it is the
/// authorisation; who let it pass, and for which ticket, is for readers of the records.
#[utoipa::path(
    get,
    path = "/api/v1/decisions/{id}",
    params(("id" = String, Path, description = "As a denial shows it")),
    responses((status = 200, body = DecisionRecord), (status = 404, body = ErrorBody))
)]
pub(super) async fn one(
    State(admin): State<Admin>,
    reader: Result<RecordsReader, AdminError>,
    PathName(id): PathName,
) -> Result<Json<DecisionRecord>, AdminError> {
    let decision = find(&admin, &id).await?;
    let in_full = reader
        .is_ok_and(|RecordsReader(reader)| decision_within(&admin, reader.scope(), &decision));
    let record = DecisionRecord::from(decision);
    Ok(Json(match in_full {
        true => record,
        false => record.nameless(),
    }))
}

async fn find(admin: &Admin, id: &str) -> Result<Decision, AdminError> {
    let unknown = || {
        AdminError::new(ErrorCode::NotFound, "no decision has that id").next(
            "look for it in the audit log, which has all: old decisions are pruned, and of a flood \
             some are left out",
        )
    };
    let id = DecisionId::parse(id).ok_or_else(unknown)?;
    admin.ledger.decision(&id).await?.ok_or_else(unknown)
}
