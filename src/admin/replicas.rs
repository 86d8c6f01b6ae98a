//! `GET /api/v1/replicas`: the processes that serve the same ledger.

use axum::Json;
use axum::extract::State;

use super::Admin;
use super::authenticate::ReadAccess;
use crate::api::ReplicaList;

/// List the replicas, the one that answers first.
#[utoipa::path(
    get,
    path = "/api/v1/replicas",
    responses((status = 200, body = ReplicaList))
)]
pub(super) async fn list(
    State(admin): State<Admin>,
    ReadAccess(_principal): ReadAccess,
) -> Json<ReplicaList> {
    let replicas = (admin.replicas)();
    Json(ReplicaList { replicas })
}
