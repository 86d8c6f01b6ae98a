//! `GET /api/v1/status`: one screen.

use axum::Json;
use axum::extract::State;

use super::Admin;
use super::authenticate::{Now, Reader};
use super::error::AdminError;
use crate::api::{ErrorCode, Status};

/// The state of things.
#[utoipa::path(get, path = "/api/v1/status", responses((status = 200, body = Status)))]
pub(super) async fn status(
    State(admin): State<Admin>,
    Reader(principal): Reader,
    Now(now): Now,
) -> Result<Json<Status>, AdminError> {
    let stopping = || AdminError::new(ErrorCode::Unavailable, "stopping");
    let status = (admin.status)(now).ok_or_else(stopping)?;
    Ok(Json(admin.status_within(&principal, status)))
}
