//! `GET /api/v1/exceptions` and `GET /api/v1/advisories`: the entries in force. They are
//! written in files under version control; the API cannot change them.

use axum::Json;
use axum::extract::State;

use super::Admin;
use super::authenticate::{RecordsReader, RequestTime};
use super::error::AdminError;
use super::within::exception_within;
use crate::access::Scope;
use crate::api::{AdvisoryList, AdvisoryView, ExceptionList, ExceptionView};
use crate::oci::Digest;
use crate::trust::Exception;

/// List exceptions: what is accepted, until when, and by whom.
#[utoipa::path(
    get,
    path = "/api/v1/exceptions",
    responses((status = 200, body = ExceptionList))
)]
pub(super) async fn exceptions(
    State(admin): State<Admin>,
    RecordsReader(principal): RecordsReader,
    RequestTime(now): RequestTime,
) -> Result<Json<ExceptionList>, AdminError> {
    let rulebook = admin.gate.rulebook();
    let scope = principal.scope();
    let mut exceptions = Vec::new();
    for exception in rulebook.exceptions() {
        let Some(exception) = exception_within(scope, exception) else {
            continue;
        };
        exceptions.push(ExceptionView {
            used: is_used(&admin, scope, &exception).await?,
            ..ExceptionView::new(&exception, now)
        });
    }
    Ok(Json(ExceptionList { exceptions }))
}

/// Whether a scan in force, of an image in its scope and in the reader's, names what
/// it accepts; not known of the end of life, which no index holds.
async fn is_used(
    admin: &Admin,
    scope: &Scope,
    exception: &Exception,
) -> Result<Option<bool>, AdminError> {
    if exception.vulnerabilities.is_empty() {
        return Ok(None);
    }
    let index = admin.ledger.index();
    let in_scope = |manifest: &Digest| {
        let mut repositories = index.repositories(manifest).into_iter();
        repositories.any(|it| exception.images.matches(&it) && scope.covers_repository(&it))
    };
    let naming = admin
        .ledger
        .manifests_reporting(&exception.vulnerabilities)
        .await?;
    Ok(Some(naming.iter().any(in_scope)))
}

/// List advisories.
#[utoipa::path(
    get,
    path = "/api/v1/advisories",
    responses((status = 200, body = AdvisoryList))
)]
pub(super) async fn advisories(
    State(admin): State<Admin>,
    RecordsReader(principal): RecordsReader,
    RequestTime(now): RequestTime,
) -> Json<AdvisoryList> {
    let rulebook = admin.gate.rulebook();
    let scope = principal.scope();
    let advisories = rulebook.advisories().iter();
    let within = advisories.filter_map(|it| admin.advisory_within(scope, it));
    Json(AdvisoryList {
        advisories: within.map(|it| AdvisoryView::new(&it, now)).collect(),
    })
}
