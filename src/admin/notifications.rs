//! `POST /api/v1/notifications/test`: a sample to who is told without asking.

use axum::Json;
use axum::extract::State;

use super::Admin;
use super::authenticate::{Authenticated, RequestTime, forbidden};
use super::error::AdminError;
use super::extract::JsonBody;
use crate::access::Role;
use crate::api::{ErrorCode, NotifyTestAnswer, NotifyTestRequest, NotifyTestView};
use crate::notify::TestResult;

/// Send a sample, and say what was answered.
#[utoipa::path(
    post,
    path = "/api/v1/notifications/test",
    request_body = NotifyTestRequest,
    responses((status = 200, body = NotifyTestAnswer))
)]
pub(super) async fn test(
    State(admin): State<Admin>,
    Authenticated(principal): Authenticated,
    RequestTime(now): RequestTime,
    JsonBody(request): JsonBody<NotifyTestRequest>,
) -> Result<Json<NotifyTestAnswer>, AdminError> {
    if principal.role() != Role::Admin {
        return Err(forbidden(&principal, "send notifications"));
    }
    let tried = admin.notifier.test(request.name.as_deref(), now).await;
    if tried.is_empty() {
        let told = match &request.name {
            Some(name) => format!("no [[notify]] is called {name:?}"),
            None => "the configuration has no [[notify]]".to_owned(),
        };
        return Err(AdminError::new(ErrorCode::NotFound, told)
            .next("add one to the configuration, and restart"));
    }
    Ok(Json(NotifyTestAnswer {
        targets: tried.into_iter().map(view).collect(),
    }))
}

fn view(tried: TestResult) -> NotifyTestView {
    NotifyTestView {
        name: tried.target,
        status: tried.outcome.as_ref().ok().copied(),
        error: tried.outcome.err().map(|error| error.to_string()),
        duration_ms: u64::try_from(tried.took.as_millis()).unwrap_or(u64::MAX),
    }
}
