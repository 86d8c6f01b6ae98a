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
    _reader: Reader,
    Now(now): Now,
) -> Result<Json<Status>, AdminError> {
    let stopping = || AdminError::new(ErrorCode::Unavailable, "stopping");
    (admin.status)(now).map(Json).ok_or_else(stopping)
}
