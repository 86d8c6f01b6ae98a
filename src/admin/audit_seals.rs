//! `/api/v1/audit/seals`: where audit logs ended, to hold a log against.

use axum::Json;
use axum::extract::State;

use super::Admin;
use super::authenticate::{RecordsReader, forbidden};
use super::error::AdminError;
use crate::api::{AuditSealList, AuditSealView, ErrorBody};

/// Where audit logs ended, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/audit/seals",
    operation_id = "audit_seals",
    responses((status = 200, body = AuditSealList), (status = 403, body = ErrorBody))
)]
pub(super) async fn list(
    State(admin): State<Admin>,
    RecordsReader(principal): RecordsReader,
) -> Result<Json<AuditSealList>, AdminError> {
    if !principal.scope().is_everything() {
        return Err(forbidden(&principal, "read of the whole audit log"));
    }
    let seals = admin.ledger.audit_seals().await?.into_iter();
    let seals = seals.map(|seal| AuditSealView {
        log: seal.log,
        line: seal.line,
        hash: seal.hash,
        at: seal.at,
        place: seal.place,
        kept_until: seal.kept_until,
    });
    Ok(Json(AuditSealList {
        seals: seals.collect(),
    }))
}
