//! `GET /api/v1/verdicts`: the same answer that a pull gets, with its reasons.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;

use super::Admin;
use super::authenticate::{ReadAccess, RequestTime};
use super::error::AdminError;
use super::extract::StrictQuery;
use super::hypothetical_pull::HypotheticalPull;
use super::images::within_scope;
use crate::access::Principal;
use crate::api::{ErrorBody, MAX_FINDINGS_SHOWN, VerdictQuery, VerdictView};
use crate::gate::ExposureInput;
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
    ReadAccess(principal): ReadAccess,
    RequestTime(now): RequestTime,
    StrictQuery(query): StrictQuery<VerdictQuery>,
) -> Result<Json<VerdictView>, AdminError> {
    let named = query.environment;
    let environment = named.or_else(|| admin.names.environment_at(&query.image));
    let environment = admin.environment(environment)?;
    let image = match query.any_gateway {
        true => admin.image_at_any_gateway(&query.image, &environment)?,
        false => admin.image(&query.image, Some(&environment))?,
    };
    within_scope(&principal, image.repository(), Some(&environment))?;
    let (verdict, findings) = explain(&admin, &image, &environment, (query.exposure, now)).await?;
    let view = match query.findings {
        true => view_in_full((verdict, findings), image.to_string()),
        false => view(&verdict, image.to_string()),
    };
    Ok(Json(told_to(&principal, view)))
}

/// The verdict as far as its reader may read of what people wrote and granted.
pub(super) fn told_to(principal: &Principal, view: VerdictView) -> VerdictView {
    match principal.role().may_view_records() {
        true => view,
        false => view.nameless(),
    }
}

/// As a pull of that reference would be resolved and judged now, by a client that may
/// pull: the one that asks for a verdict need not be allowed to.
pub(super) async fn explain(
    admin: &Admin,
    image: &ImageRef,
    environment: &EnvironmentName,
    (exposure, now): (Option<Exposure>, Timestamp),
) -> Result<(Verdict, Vec<JudgedFinding>), AdminError> {
    let hypothetical = HypotheticalPull::new(admin, environment, image.repository(), now)?;
    let stated = exposure.map(ExposureInput::Stated);
    let exposure = stated.unwrap_or_else(|| admin.exposure_of_pulls(environment));
    let rulebook = admin.gate.rulebook();
    let inspector = admin.gate.inspector();
    let explained = inspector.explain(hypothetical.pull(), &rulebook, image, exposure);
    Ok(explained.await?)
}

/// A verdict with the findings that it turns on.
pub(super) fn view_in_full(
    (verdict, findings): (Verdict, Vec<JudgedFinding>),
    image: String,
) -> VerdictView {
    let more_findings = findings.len().saturating_sub(MAX_FINDINGS_SHOWN);
    let most = findings.into_iter().take(MAX_FINDINGS_SHOWN);
    VerdictView {
        more_findings,
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
