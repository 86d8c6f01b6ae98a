//! `POST /api/v1/replays`: what another policy would change, before anyone is hurt.

use axum::Json;
use axum::extract::State;

use super::Admin;
use super::authenticate::{Now, Reader};
use super::body::Body;
use super::error::AdminError;
use crate::access::Principal;
use crate::api::{ErrorBody, ReplayAnswer, ReplayRequest, ReplayedChange, ToldView};
use crate::gate::{Change, Replay, VerdictSummary};

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
    Reader(principal): Reader,
    Now(now): Now,
    Body(request): Body<ReplayRequest>,
) -> Result<Json<ReplayAnswer>, AdminError> {
    let other = (admin.policies)(&request, now).map_err(|problems| {
        AdminError::bad_request(problems).next("mend it; sekisho check-config shows the same")
    })?;
    let replay = Replay {
        other: &other,
        since: request.since,
        exposure: &|environment| admin.as_pulled(environment),
        now,
    };
    let replayed = admin.gate.replay(&replay).await?;
    let seen = |change: &Change| sees(&principal, change);
    let changes = replayed.changes.into_iter().filter(seen);
    Ok(Json(ReplayAnswer {
        judged: replayed.judged,
        unknown: replayed.unknown,
        homeless: replayed.unknown_environment,
        cut: replayed.cut,
        changes: changes.map(view).collect(),
    }))
}

fn sees(principal: &Principal, change: &Change) -> bool {
    let scope = principal.scope();
    scope.covers_repository(&change.repository)
        && scope.covers_environment(change.environment.as_str())
}

fn view(change: Change) -> ReplayedChange {
    ReplayedChange {
        environment: change.environment,
        image: change.image,
        digest: change.digest,
        count: change.count,
        before: told(change.before),
        after: told(change.after),
    }
}

fn told(told: VerdictSummary) -> ToldView {
    ToldView {
        verdict: told.outcome,
        reasons: told.reasons,
        message: told.message,
    }
}
