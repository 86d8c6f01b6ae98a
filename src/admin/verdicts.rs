//! `GET /api/v1/verdicts`: the same answer that a pull gets, with its reasons.

use axum::Json;
use axum::extract::State;

use super::Admin;
use super::authenticate::{Now, Reader};
use super::body::Asked;
use super::error::AdminError;
use super::images::within_scope;
use crate::api::{ErrorBody, LIMIT_OF_FINDINGS, VerdictQuery, VerdictView};
use crate::gate::ExposureInput;
use crate::trust::{JudgedFinding, Verdict, denial_message};

/// Ask for a verdict.
#[utoipa::path(
    get,
    path = "/api/v1/verdicts",
    params(VerdictQuery),
    responses((status = 200, body = VerdictView), (status = 404, body = ErrorBody))
)]
pub(super) async fn verdict(
    State(admin): State<Admin>,
    Reader(principal): Reader,
    Now(now): Now,
    Asked(query): Asked<VerdictQuery>,
) -> Result<Json<VerdictView>, AdminError> {
    let image = admin.pulled_image(&query.image)?;
    let environment = admin.environment(query.environment)?;
    within_scope(&principal, image.repository(), Some(&environment))?;
    let inspected = admin.gate.inspector().inspect(&image, now).await?;
    let rulebook = admin.gate.rulebook();
    let exposure = match query.exposure {
        Some(stated) => ExposureInput::Stated(stated),
        None => admin.as_pulled(&environment),
    };
    let (verdict, findings) = admin
        .gate
        .inspector()
        .judge(&rulebook, &environment, &inspected, exposure, None, now)
        .await;
    Ok(Json(match query.findings {
        true => view_in_full((verdict, findings), image.to_string()),
        false => view(&verdict, image.to_string()),
    }))
}

/// A verdict with the findings that it turns on.
pub(super) fn view_in_full(
    (verdict, findings): (Verdict, Vec<JudgedFinding>),
    image: String,
) -> VerdictView {
    let most = findings.into_iter().take(LIMIT_OF_FINDINGS);
    VerdictView {
        findings: most.map(Into::into).collect(),
        ..view(&verdict, image)
    }
}

/// A verdict with the line that a client would read.
pub(super) fn view(verdict: &Verdict, image: String) -> VerdictView {
    let message = verdict
        .denial()
        .map(|denial| denial_message(denial, ""))
        .unwrap_or_default();
    VerdictView::new(verdict, image, message)
}
