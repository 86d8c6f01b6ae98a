//! `GET /api/v1/exceptions` and `GET /api/v1/advisories`: what people wrote, as it
//! is in force. It is written in files, under version control, and nowhere else.

use axum::Json;
use axum::extract::State;

use super::Admin;
use super::authenticate::{Now, Reader};
use crate::api::{AdvisoryList, AdvisoryView, ExceptionList, ExceptionView};

/// What is accepted, until when, and by whom.
#[utoipa::path(
    get,
    path = "/api/v1/exceptions",
    responses((status = 200, body = ExceptionList))
)]
pub(super) async fn exceptions(
    State(admin): State<Admin>,
    _reader: Reader,
    Now(now): Now,
) -> Json<ExceptionList> {
    let rulebook = admin.gate.rulebook();
    let exceptions = rulebook.exceptions().iter();
    Json(ExceptionList {
        exceptions: exceptions.map(|it| ExceptionView::new(it, now)).collect(),
    })
}

/// What the security department said.
#[utoipa::path(
    get,
    path = "/api/v1/advisories",
    responses((status = 200, body = AdvisoryList))
)]
pub(super) async fn advisories(
    State(admin): State<Admin>,
    _reader: Reader,
    Now(now): Now,
) -> Json<AdvisoryList> {
    let rulebook = admin.gate.rulebook();
    let advisories = rulebook.advisories().iter();
    Json(AdvisoryList {
        advisories: advisories.map(|it| AdvisoryView::new(it, now)).collect(),
    })
}
