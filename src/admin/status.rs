//! `GET /api/v1/status`: one screen.

use axum::Json;
use axum::extract::State;

use super::Admin;
use super::authenticate::{ReadAccess, RequestTime};
use super::error::AdminError;
use crate::api::{ErrorCode, Status};

/// Show the status.
#[utoipa::path(get, path = "/api/v1/status", responses((status = 200, body = Status)))]
pub(super) async fn status(
    State(admin): State<Admin>,
    ReadAccess(principal): ReadAccess,
    RequestTime(now): RequestTime,
) -> Result<Json<Status>, AdminError> {
    let stopping = || AdminError::new(ErrorCode::Unavailable, "stopping");
    let status = (admin.status)(now).ok_or_else(stopping)?;
    let mut status = admin.status_within(&principal, status);
    let granted = std::mem::take(&mut status.break_glass);
    status.break_glass = admin.with_unlifted(granted, now).await;
    Ok(Json(status))
}
