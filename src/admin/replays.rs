//! `POST /api/v1/replays`: which decisions another policy would change.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;

use super::Admin;
use super::authenticate::{RecordsReader, RequestTime};
use super::error::AdminError;
use super::extract::LargeBody;
use super::state::PolicyReader;
use crate::api::{
    ErrorBody, MAX_REPLAY_BYTES, ReplayAnswer, ReplayRequest, ReplayedChange, VerdictSummaryView,
};
use crate::gate::{Replay, ReplayChange, VerdictSummary};
use crate::trust::Rulebook;

/// Try a policy on what was decided. Nothing is recorded.
#[utoipa::path(
    post,
    path = "/api/v1/replays",
    request_body = ReplayRequest,
    responses(
        (status = 200, body = ReplayAnswer),
        (status = 400, description = "The policy does not hold together", body = ErrorBody),
    )
)]
pub(super) async fn replay(
    State(admin): State<Admin>,
    RecordsReader(principal): RecordsReader,
    RequestTime(now): RequestTime,
    LargeBody(body): LargeBody<MAX_REPLAY_BYTES>,
) -> Result<Json<ReplayAnswer>, AdminError> {
    let policies = admin.policies.clone();
    let read = move || read(&body.bytes, &policies, now);
    let (since, other) = admin.heavy.run(read).await??;
    let scope = principal.scope();
    let replay = Replay {
        other: &other,
        since,
        exposure: &|environment| admin.exposure_of_pulls(environment),
        is_visible: &|environment, repository| {
            scope.covers_environment(environment.as_str()) && scope.covers_repository(repository)
        },
        now,
    };
    let replayed = admin.gate.replay(&replay).await?;
    Ok(Json(ReplayAnswer {
        judged: replayed.judged,
        unknown: replayed.unknown,
        homeless: replayed.unknown_environment,
        cut: replayed.cut,
        changes: replayed.changes.into_iter().map(view).collect(),
    }))
}

/// Since when, and the policy to try.
fn read(
    body: &[u8],
    policies: &PolicyReader,
    now: Timestamp,
) -> Result<(Timestamp, Rulebook), AdminError> {
    let request: ReplayRequest = serde_json::from_slice(body).map_err(|error| {
        AdminError::bad_request(format!("the body cannot be read: {error}"))
            .next("see /api/v1/openapi.json")
    })?;
    let policy = policies(&request, now).map_err(|problems| {
        AdminError::bad_request(problems).next("mend it; sekisho check-config shows the same")
    })?;
    Ok((request.since, policy))
}

fn view(change: ReplayChange) -> ReplayedChange {
    ReplayedChange {
        environment: change.environment,
        image: change.image,
        digest: change.digest,
        count: change.count,
        before: summary(change.before),
        after: summary(change.after),
    }
}

fn summary(summary: VerdictSummary) -> VerdictSummaryView {
    VerdictSummaryView {
        verdict: summary.outcome,
        reasons: summary.reasons,
        message: summary.message,
    }
}
