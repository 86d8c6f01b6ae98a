//! `GET /api/v1/verdicts`: the same answer that a pull gets, with its reasons.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;

use super::Admin;
use super::authenticate::{Now, Reader};
use super::body::Asked;
use super::error::AdminError;
use super::images::within_scope;
use crate::access::{Principal, Role};
use crate::api::{ErrorBody, ErrorCode, LIMIT_OF_FINDINGS, VerdictQuery, VerdictView};
use crate::gate::{Asker, ExposureInput, Pull, Target};
use crate::oci::ImageRef;
use crate::trust::{EnvironmentName, Exposure, JudgedFinding, Verdict, denial_message};

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
    let (verdict, findings) = explain(&admin, &image, &environment, (query.exposure, now)).await?;
    Ok(Json(match query.findings {
        true => view_in_full((verdict, findings), image.to_string()),
        false => view(&verdict, image.to_string()),
    }))
}

/// As a pull of that reference would be resolved and judged now, by somebody who may
/// pull: whoever asks for a verdict need not.
async fn explain(
    admin: &Admin,
    image: &ImageRef,
    environment: &EnvironmentName,
    (exposure, now): (Option<Exposure>, Timestamp),
) -> Result<(Verdict, Vec<JudgedFinding>), AdminError> {
    let listener = (admin.pulls)(environment);
    let client = Asker {
        listener: listener
            .ok_or_else(|| AdminError::new(ErrorCode::Unavailable, "the program stops"))?,
        principal: Principal::anonymous(Role::Puller),
        client: None,
    };
    let target = Target {
        repository: image.repository().clone(),
        namespace: None,
        by_host: false,
    };
    let pull = Pull {
        asker: &client,
        target: &target,
        now,
        started: Instant::now(),
    };
    let stated = exposure.map(ExposureInput::Stated);
    let exposure = stated.unwrap_or_else(|| admin.as_pulled(environment));
    let rulebook = admin.gate.rulebook();
    let inspector = admin.gate.inspector();
    let explained = inspector.explain(pull, &rulebook, image, exposure);
    Ok(explained.await?)
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
