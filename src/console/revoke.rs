//! `/revoke`: takes trust back from a digest, after saying what that stops and why.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};

use super::filters::Filters;
use super::form::Form;
use super::frame::Frame;
use super::page::Page;
use super::page_error::PageError;
use super::pod_rows::{PodRow, knows_pods};
use super::visit::Visit;
use crate::api::{
    IMAGES, ImageDetail, REVOCATIONS, RevocationAnswer, RevocationRequest, STATUS, Status,
};

/// Pods that are named before it is done, at most.
const MAX_PODS_SHOWN: usize = 20;

#[derive(Template)]
#[template(path = "revoke.html", config = "src/console/askama.toml")]
struct RevokePage {
    frame: Frame,
    image: String,
    digest: String,
    environments: Vec<String>,
    pods: Vec<PodRow>,
    more_pods: usize,
    knows_pods: bool,
}

/// What else there is to know of a revocation that was done.
#[derive(Template)]
#[template(path = "revoked.html", config = "src/console/askama.toml")]
struct RevokedPage {
    frame: Frame,
    image: String,
    digest: String,
    notes: Vec<String>,
}

/// Asks for the reason, and shows what runs.
pub(super) async fn page(visit: Visit) -> Result<Page, PageError> {
    let image = Filters::of(&visit.uri, &["image"]);
    let image = image.get("image").to_owned();
    if visit.session().is_none() {
        return Err(visit.sign_in_first());
    }
    let Some((_, digest)) = image.split_once('@') else {
        return Err(visit.bad_request("an image is revoked by its digest: begin at its page"));
    };
    let digest = digest.to_owned();
    let address = format!("{IMAGES}/{digest}");
    let detail: ImageDetail = visit.read(&address, &()).await?;
    let status: Status = visit.read(STATUS, &()).await?;
    let pods = detail.images.iter().flat_map(|it| {
        let pods = it.pods.iter().flatten();
        pods.map(|pod| PodRow::new(&it.image, &digest, pod))
    });
    let pods: Vec<PodRow> = pods.collect();
    let environments = status.environments.iter();
    Ok(Page::of(&RevokePage {
        frame: visit.frame("Revoke").twin_of("The image", &address),
        environments: environments.map(|it| it.name.to_string()).collect(),
        more_pods: pods.len().saturating_sub(MAX_PODS_SHOWN),
        pods: pods.into_iter().take(MAX_PODS_SHOWN).collect(),
        knows_pods: knows_pods(&detail.clusters),
        image,
        digest,
    }))
}

/// Does it, for whoever is signed in and may; then shows the image, or first what else there
/// is to know.
pub(super) async fn revoke(form: Form) -> Result<Response, PageError> {
    let visit = &form.visit;
    if visit.session().is_none() {
        return Err(visit.sign_in_first());
    }
    if form.field("sure") != "yes" {
        return Err(visit.bad_request("tick the box: nothing but reinstate undoes it"));
    }
    let environment = match form.field("environment") {
        "" => None,
        name => match name.parse() {
            Ok(name) => Some(name),
            Err(_) => return Err(visit.bad_request("that is no name of an environment")),
        },
    };
    let request = RevocationRequest {
        image: form.field("image").to_owned(),
        environment,
        reason: form.field("reason").to_owned(),
    };
    let answer: RevocationAnswer = visit.write(REVOCATIONS, &request).await?;
    let frame = visit.frame("Revoked");
    let digest = answer.digest.to_string();
    let Some(note) = answer.note else {
        let back = format!("{}images/{digest}", frame.root);
        return Ok(Redirect::to(&back).into_response());
    };
    Ok(Page::of(&RevokedPage {
        frame,
        image: request.image,
        digest,
        notes: note.lines().map(str::to_owned).collect(),
    })
    .into_response())
}
