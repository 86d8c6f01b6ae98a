//! `POST /api/v1/scans`: a report, bound to the image that it is about.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;

use super::Admin;
use super::authenticate::{Authenticated, RequestTime, forbidden};
use super::error::AdminError;
use super::extract::LargeBody;
use super::hypothetical_pull::HypotheticalPull;
use super::images::within_repository;
use super::newer_scan::newer_of_pushed;
use super::origin::RequestOrigin;
use super::submission::{ScanBody, Submission, answer, may_submit};
use super::unpushed;
use super::verdicts::{told_to, view_in_full};
use crate::access::Principal;
use crate::api::{ErrorBody, MAX_SCAN_BYTES, ScanAnswer, ScanSubmission, VerdictView};
use crate::gate::InspectedImage;
use crate::ledger::ScanTarget;
use crate::oci::{Image, ImageRef};
use crate::report::{BindError, ReportBinding, ScanReport};
use crate::trust::EnvironmentName;

/// Hand in a scan report.
#[utoipa::path(
    post,
    path = "/api/v1/scans",
    request_body = ScanSubmission<'static>,
    responses(
        (status = 200, body = ScanAnswer),
        (status = 422, description = "Not about that image, or not readable", body = ErrorBody),
    )
)]
pub(super) async fn submit(
    State(admin): State<Admin>,
    Authenticated(principal): Authenticated,
    RequestTime(now): RequestTime,
    origin: RequestOrigin,
    LargeBody(body): LargeBody<MAX_SCAN_BYTES>,
) -> Result<Json<ScanAnswer>, AdminError> {
    may_submit(&principal)?;
    let body = ScanBody::read(body, &admin.heavy).await?;
    let named = body.image.as_deref();
    let image = named.map(|image| admin.image(image, body.gate.as_ref()));
    let image = image.transpose()?;
    if let Some(image) = &image {
        within_repository(&principal, image.repository())?;
    }
    let gate = gate_environment(&admin, &principal, body.gate.clone())?;
    let image_id = body.image_id.clone();
    let report = body.report(now, &admin.heavy).await?;
    let handed = Submission::new(&principal, report, gate, now);
    Ok(Json(match (image, image_id) {
        (image, Some(image_id)) => {
            unpushed::submit(&admin, handed, origin, image, image_id).await?
        }
        (Some(image), None) => submit_pushed(&admin, handed, origin, &image).await?,
        (None, None) => return Err(no_image_named()),
    }))
}

/// The environment that it is judged for, within the token's scope.
fn gate_environment(
    admin: &Admin,
    principal: &Principal,
    named: Option<EnvironmentName>,
) -> Result<Option<EnvironmentName>, AdminError> {
    let Some(name) = named else {
        return Ok(None);
    };
    let environment = admin.environment(Some(name))?;
    match principal.scope().covers_environment(environment.as_str()) {
        true => Ok(Some(environment)),
        false => Err(forbidden(principal, &format!("judge for {environment}"))),
    }
}

fn no_image_named() -> AdminError {
    AdminError::bad_request("the report is handed in for no image")
        .next("name the image that was scanned, or its image ID before the push")
}

/// A report on an image that its upstream has.
async fn submit_pushed(
    admin: &Admin,
    mut submission: Submission<'_>,
    origin: RequestOrigin,
    image: &ImageRef,
) -> Result<ScanAnswer, AdminError> {
    let inspected = admin
        .gate
        .inspector()
        .inspect(image, submission.now)
        .await?;
    let (manifest, bound) = bind(&inspected, image, &submission.report)?;
    let about = ScanTarget::Manifest(manifest.manifest.clone());
    let new = submission.new_scan(about, bound);
    let new = origin.about(&image.to_string(), new);
    let taken = admin.gate.inspector().submit(&inspected, new).await?;
    let replaced_by = newer_of_pushed(admin, &manifest.manifest, taken).await?;
    let gate = match &submission.gate {
        Some(environment) => Some(judge(admin, &submission, environment, &inspected, image).await?),
        None => None,
    };
    Ok(ScanAnswer {
        manifest: Some(manifest.manifest.clone()),
        platform: manifest.platform().cloned(),
        replaced_by,
        too_old_for: too_old_for(admin, image, taken.scanned_at, submission.now),
        gate: gate.map(Box::new),
        ..answer(
            format!("scan:{}", taken.id),
            taken,
            image.to_string(),
            submission,
        )
    })
}

/// The environments in which a scan of that time is too old.
fn too_old_for(
    admin: &Admin,
    image: &ImageRef,
    scanned_at: Timestamp,
    now: Timestamp,
) -> Vec<EnvironmentName> {
    let age = now.duration_since(scanned_at);
    let rulebook = admin.gate.rulebook();
    let stale = rulebook
        .environments()
        .filter(|it| age >= it.settings(image.repository()).max_report_age);
    stale.map(|it| it.name.clone()).collect()
}

fn bind<'a>(
    inspected: &'a InspectedImage,
    image: &ImageRef,
    report: &ScanReport,
) -> Result<(&'a Image, ReportBinding), AdminError> {
    let declared = image.digest().is_some();
    inspected.bind(report, declared).map_err(|error| {
        AdminError::refused(format!("the report does not count for {image}: {error}"))
            .next(next_step(&error, image))
    })
}

/// One way out, and not another than the message names.
fn next_step(error: &BindError, image: &ImageRef) -> String {
    match error {
        BindError::NamesNoDigest => format!(
            "scan it by digest; or, where you know which one was scanned, hand the report in for \
             {}@sha256:…",
            image.repository()
        ),
        BindError::AmbiguousIndex(_) => {
            "hand in a report for each platform, by the digest of its manifest".to_owned()
        }
        BindError::OtherDigest { .. }
        | BindError::OtherImageId { .. }
        | BindError::OtherPlatform { .. }
        | BindError::OtherLayers => "scan the image that you name, by digest".to_owned(),
    }
}

/// The verdict for an environment, as if the image were promoted.
async fn judge(
    admin: &Admin,
    submission: &Submission<'_>,
    environment: &EnvironmentName,
    inspected: &InspectedImage,
    image: &ImageRef,
) -> Result<VerdictView, AdminError> {
    let rulebook = admin.gate.rulebook();
    let hypothetical =
        HypotheticalPull::new(admin, environment, image.repository(), submission.now)?;
    let promoter = Some(submission.principal.name());
    let inspector = admin.gate.inspector();
    let judged = inspector.judge(hypothetical.pull(), &rulebook, inspected, promoter);
    let view = view_in_full(judged.await, image.to_string());
    Ok(told_to(submission.principal, view))
}
