//! Scans of images that are not pushed yet, by image ID, and `POST /api/v1/scans/bind`,
//! which makes them count for the pushed manifest.

use axum::Json;
use axum::extract::State;

use super::Admin;
use super::authenticate::{Authenticated, RequestTime};
use super::error::AdminError;
use super::extract::JsonBody;
use super::images::{digest_of, within_repository};
use super::newer_scan::newer_of_unpushed;
use super::origin::RequestOrigin;
use super::submission::{Submission, answer, may_submit};
use super::verdicts::{told_to, view_in_full};
use crate::access::Principal;
use crate::api::{BindingAnswer, BindingRequest, ErrorBody, ScanAnswer, VerdictView};
use crate::gate::{InspectedImage, Unpushed};
use crate::ledger::{BindScans, ScanTarget};
use crate::oci::{ChainId, Digest, Image, ImageRef, listed};
use crate::trust::EnvironmentName;

/// The longest list of image IDs in an answer, in characters.
const MAX_IDS_CHARS: usize = 400;
/// What scans that are not bound to a manifest yet are called by.
const UNBOUND: &str = "unbound-scan:";

/// A report on an image that no registry has yet. `image`: where it will be pushed.
pub(super) async fn submit(
    admin: &Admin,
    mut submission: Submission<'_>,
    origin: RequestOrigin,
    image: Option<ImageRef>,
    image_id: Digest,
) -> Result<ScanAnswer, AdminError> {
    let subject = &submission.report.subject;
    let bound = subject.binding_to_id(&image_id).map_err(|error| {
        let message = format!("the report does not count for image ID {image_id}: {error}");
        AdminError::refused(message).next("scan the image that you will push")
    })?;
    let new = submission.new_scan(ScanTarget::ImageId(image_id.clone()), bound);
    let new = match &image {
        Some(image) => origin.about(&image.to_string(), new),
        None => origin.of(new),
    };
    let taken = admin.ledger.take_scan(new).await?;
    let replaced_by = newer_of_unpushed(admin, &image_id, &submission, taken).await?;
    let gate = match &submission.gate {
        Some(environment) => {
            Some(judge(admin, &submission, environment, image.as_ref(), &image_id).await?)
        }
        None => None,
    };
    let name = image.map_or_else(|| image_id.to_string(), |image| image.to_string());
    Ok(ScanAnswer {
        image_id: Some(image_id),
        replaced_by,
        gate: gate.map(Box::new),
        bound_by: "image ID, until it is bound to a manifest".to_owned(),
        ..answer(format!("{UNBOUND}{}", taken.id), taken, name, submission)
    })
}

/// The verdict that it would get once pushed, bound and promoted.
async fn judge(
    admin: &Admin,
    submission: &Submission<'_>,
    environment: &EnvironmentName,
    image: Option<&ImageRef>,
    image_id: &Digest,
) -> Result<VerdictView, AdminError> {
    let submitter = submission.principal.name();
    let subject = &submission.report.subject;
    let read = admin
        .ledger
        .unbound_scans(image_id, submitter, submission.now);
    let scans = read.await?;
    let unpushed = Unpushed {
        image_id: image_id.clone(),
        repository: image.map(|image| image.repository().clone()),
        platform: subject.platform.clone(),
        chain_id: ChainId::of(&subject.diff_ids),
        scans,
        promoter: submitter.to_owned(),
    };
    let rulebook = admin.gate.rulebook();
    let exposure = admin.exposure_of_pulls(environment);
    let judged =
        admin
            .gate
            .unpushed()
            .judge(&rulebook, environment, &unpushed, exposure, submission.now);
    let judged = judged.ok_or_else(|| {
        AdminError::refused(format!("{environment} pulls from no upstream"))
            .next("name where the image will be pushed")
    })?;
    let name = image.map_or_else(|| image_id.to_string(), ToString::to_string);
    let view = told_to(submission.principal, view_in_full(judged, name));
    Ok(by_unbound_scans(view))
}

/// Scans of an image ID are numbered by themselves: `scan:7` is another image's.
fn by_unbound_scans(mut view: VerdictView) -> VerdictView {
    let of_findings = view.findings.iter_mut().map(|finding| &mut finding.scan);
    for name in view.evidence.iter_mut().chain(of_findings) {
        if let Some(id) = name.strip_prefix("scan:") {
            *name = format!("{UNBOUND}{id}");
        }
    }
    view
}

/// Say that an image ID was pushed as a manifest.
#[utoipa::path(
    post,
    path = "/api/v1/scans/bind",
    request_body = BindingRequest,
    responses(
        (status = 200, body = BindingAnswer),
        (status = 422, description = "Another image, or nothing to bind", body = ErrorBody),
    )
)]
pub(super) async fn bind(
    State(admin): State<Admin>,
    Authenticated(principal): Authenticated,
    RequestTime(now): RequestTime,
    origin: RequestOrigin,
    JsonBody(request): JsonBody<BindingRequest>,
) -> Result<Json<BindingAnswer>, AdminError> {
    may_submit(&principal)?;
    let image = admin.image(&request.image, None)?;
    within_repository(&principal, image.repository())?;
    digest_of(&image)?;
    let inspected = admin.gate.inspector().inspect(&image, now).await?;
    let manifest = image_with_id(&inspected, &image, &request.image_id)?
        .manifest
        .clone();
    admin.gate.inspector().record(&inspected).await?;
    let ledger = &admin.ledger;
    let said = BindScans {
        image_id: request.image_id.clone(),
        manifest: manifest.clone(),
        submitter: principal.name().to_owned(),
        scope: principal.scope().clone(),
        at: now,
    };
    let bound = ledger
        .bind_scans(origin.about(&image.to_string(), said))
        .await?;
    if bound.is_empty() {
        return Err(nothing_to_bind(&principal, &request.image_id));
    }
    Ok(Json(BindingAnswer {
        image: image.to_string(),
        manifest,
        image_id: request.image_id,
        scans: bound.iter().map(|id| format!("scan:{id}")).collect(),
    }))
}

/// The image of that ID: itself, or the one child of an index. Where containerd stores
/// images (Docker 29 and newer) the ID is the digest of the manifest or index.
fn image_with_id<'a>(
    inspected: &'a InspectedImage,
    image: &ImageRef,
    image_id: &Digest,
) -> Result<&'a Image, AdminError> {
    let closure = &inspected.closure;
    let is_root = inspected.digest == *image_id;
    let called = |it: &&Image| it.config.digest == *image_id || it.manifest == *image_id;
    let runs = |it: &&Image| is_root && it.platform().is_some();
    let mut meant = closure.images().filter(|it| called(it) || runs(it));
    match (meant.next(), meant.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(AdminError::refused(format!(
            "{image} holds several images of ID {image_id}"
        ))
        .next("name the one by its own manifest digest")),
        (None, _) => {
            let ids: Vec<String> = closure
                .images()
                .map(|it| it.config.digest.to_string())
                .collect();
            let ids = listed(&ids, MAX_IDS_CHARS);
            Err(AdminError::refused(format!(
                "{image} is not the image of ID {image_id}; its image ID is {ids}"
            ))
            .next("bind what was pushed: the digest that the push printed"))
        }
    }
}

fn nothing_to_bind(principal: &Principal, image_id: &Digest) -> AdminError {
    let submitter = principal.name();
    let message = format!("{submitter} has handed in no scan of image ID {image_id}");
    let next = format!("first: sekisho scan submit --image-id {image_id} --report FILE");
    AdminError::refused(message).next(next)
}
