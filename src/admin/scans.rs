//! `POST /api/v1/scans`: a report, bound to the image that it is about.

use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};

use super::Admin;
use super::authenticate::{Now, Writer, forbidden};
use super::body::Body;
use super::error::AdminError;
use super::images::within_repository;
use crate::access::Principal;
use crate::api::{ErrorBody, ScanAnswer, ScanSubmission, SeverityCounts, ToolView};
use crate::gate::Inspected;
use crate::ledger::NewScan;
use crate::oci::{Image, ImageRef};
use crate::report::{self, Bound, ScanReport, ScannerInfo};

/// How far a scanner's clock may run ahead of ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Hand in a scan report.
#[utoipa::path(
    post,
    path = "/api/v1/scans",
    request_body = ScanSubmission,
    responses(
        (status = 200, body = ScanAnswer),
        (status = 422, description = "Not about that image, or not readable", body = ErrorBody),
    )
)]
pub(super) async fn submit(
    State(admin): State<Admin>,
    Writer(principal): Writer,
    Now(now): Now,
    Body(submission): Body<ScanSubmission>,
) -> Result<Json<ScanAnswer>, AdminError> {
    if !principal.role().may_submit_scans() {
        return Err(forbidden(&principal, "hand in scans"));
    }
    let image = admin.image(&submission.image)?;
    within_repository(&principal, image.repository())?;
    let report = read(&submission)?;
    let scanned_at = scan_time(&report, now)?;
    let inspected = admin.gate.inspect(&image, now).await?;
    let (manifest, bound) = bind(&inspected, &image, &report)?;
    let id = record(&admin, &principal, &inspected, manifest, &report, now).await?;
    Ok(Json(answer(
        id, &image, manifest, bound, report, scanned_at,
    )))
}

fn read(submission: &ScanSubmission) -> Result<ScanReport, AdminError> {
    let refused = |error: String| AdminError::refused(format!("the report is not taken: {error}"));
    let bytes = submission.report.get().as_bytes();
    let report = report::read(bytes, submission.format.format())
        .map_err(|error| refused(error.to_string()))?;
    let Some(info) = &submission.scanner_info else {
        return Ok(report);
    };
    ScannerInfo::read(info.get().as_bytes())
        .and_then(|info| report.dated_by(&info))
        .map_err(|error| AdminError::refused(format!("the scanner info is not taken: {error}")))
}

/// When it was scanned: as the report says, else now. The future is refused.
fn scan_time(report: &ScanReport, now: Timestamp) -> Result<Timestamp, AdminError> {
    let future = |moment: &Timestamp| moment.duration_since(now) > CLOCK_SKEW;
    if let Some(moment) = [report.scanned_at, report.database_at]
        .iter()
        .flatten()
        .find(|m| future(m))
    {
        let message = format!("the report is from the future: {moment}, and it is {now}");
        return Err(AdminError::refused(message).next("set the scanner's clock, or ours"));
    }
    Ok(report.scanned_at.unwrap_or(now).min(now))
}

fn bind<'a>(
    inspected: &'a Inspected,
    image: &ImageRef,
    report: &ScanReport,
) -> Result<(&'a Image, Bound), AdminError> {
    let declared = image.digest().is_some();
    inspected.bind(report, declared).map_err(|error| {
        AdminError::refused(format!("the report does not count for {image}: {error}"))
            .next("scan the image that you name, by digest")
    })
}

async fn record(
    admin: &Admin,
    principal: &Principal,
    inspected: &Inspected,
    image: &Image,
    report: &ScanReport,
    now: Timestamp,
) -> Result<i64, AdminError> {
    let ledger = &admin.ledger;
    ledger
        .record_closure(&inspected.repository, &inspected.closure)
        .await?;
    let scan = NewScan {
        manifest: image.manifest.clone(),
        format: report.format,
        tool: report.tool.clone(),
        submitter: principal.name().to_owned(),
        scope: principal.scope().clone(),
        scanned_at: report.scanned_at.map(|at| at.min(now)),
        received_at: now,
        database_at: report.database_at,
        incomplete: report.incomplete.clone(),
        end_of_life: report.end_of_life,
        malware: report.malware,
        findings: report.findings.clone(),
        packages: report.packages.clone(),
    };
    Ok(ledger.submit_scan(scan).await?)
}

fn answer(
    id: i64,
    image: &ImageRef,
    manifest: &Image,
    bound: Bound,
    report: ScanReport,
    scanned_at: Timestamp,
) -> ScanAnswer {
    ScanAnswer {
        id: format!("scan:{id}"),
        image: image.to_string(),
        manifest: manifest.manifest.clone(),
        platform: manifest.platform().cloned(),
        findings: SeverityCounts::of(&report.findings),
        incomplete: report.incomplete.iter().map(ToString::to_string).collect(),
        tool: ToolView {
            name: report.tool.name,
            version: report.tool.version,
        },
        format: report.format,
        bound_by: bound_by(bound).to_owned(),
        scanned_at,
        database_at: report.database_at,
    }
}

const fn bound_by(bound: Bound) -> &'static str {
    match bound {
        Bound::Manifest => "manifest digest",
        Bound::Index => "index digest and image",
        Bound::Declared => "the digest that was named",
    }
}
