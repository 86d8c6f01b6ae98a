//! `/try`: each environment's verdict on an image that somebody types, or on those of a
//! manifest that somebody pastes. Nothing is recorded.

use askama::Template;

use super::admin_api::address;
use super::filters::Filters;
use super::form::Form;
use super::frame::Frame;
use super::page::Page;
use super::page_error::PageError;
use super::visit::Visit;
use crate::api::{STATUS, Status, VERDICTS, VerdictQuery, VerdictView};
use crate::kubernetes::images::Manifests;
use crate::oci::{named_by_node, readable};
use crate::trust::{DenialReason, EnvironmentName, Exposure};

/// Images of one manifest that are judged, at most.
const MAX_IMAGES: usize = 30;
/// Environments in which they are, at most.
const MAX_ENVIRONMENTS: usize = 8;

#[derive(Template)]
#[template(path = "try.html", config = "src/console/askama.toml")]
struct TryPage {
    frame: Frame,
    image: String,
    exposure: String,
    manifest: String,
    environments: Vec<String>,
    rows: Vec<TriedRow>,
    /// What could not be tried, and why.
    unclear: Vec<String>,
    asked: bool,
}

/// One image, with a verdict for each environment.
struct TriedRow {
    image: String,
    /// Where in the manifest it stands.
    place: String,
    verdicts: Vec<TriedVerdict>,
}

struct TriedVerdict {
    environment: String,
    /// `allowed`, `would-deny`, `break-glass`, `denied` or `unknown`.
    outcome: &'static str,
    told: String,
    next_step: String,
    digest: Option<String>,
    /// Where the API says the same.
    twin: String,
}

/// What is tried.
#[derive(Default)]
struct Trial {
    /// Each with its place in the manifest.
    images: Vec<(String, String)>,
    unclear: Vec<String>,
    exposure: Option<Exposure>,
}

/// The form, and the verdicts on the image that the address names.
pub(super) async fn page(visit: Visit) -> Result<Page, PageError> {
    let filters = Filters::of(&visit.uri, &["image", "exposure"]);
    let image = filters.get("image").to_owned();
    let mut trial = Trial {
        exposure: exposure(filters.get("exposure")),
        ..Trial::default()
    };
    if !image.is_empty() {
        trial.images.push((image.clone(), String::new()));
    }
    let asked = trial.exposure;
    let mut page = tried(&visit, trial).await?;
    for environment in page.environments.iter().filter(|_| !image.is_empty()) {
        let query = question(&image, environment.parse().ok(), asked);
        let twin = address(VERDICTS, &query);
        page.frame = page.frame.twin_of(environment, &twin);
    }
    page.image = image;
    filters.get("exposure").clone_into(&mut page.exposure);
    Ok(Page::of(&page))
}

/// The verdicts on the images of a manifest.
pub(super) async fn manifest(form: Form) -> Result<Page, PageError> {
    let text = form.field("manifest").to_owned();
    let trial = Trial {
        exposure: exposure(form.field("exposure")),
        ..in_manifest(&text)
    };
    let mut page = tried(&form.visit, trial).await?;
    form.field("exposure").clone_into(&mut page.exposure);
    page.manifest = text;
    Ok(Page::of(&page))
}

impl TryPage {
    fn is_exposure(&self, word: &str) -> bool {
        self.exposure == word
    }
}

fn exposure(word: &str) -> Option<Exposure> {
    match word {
        "external" => Some(Exposure::External),
        "internal" => Some(Exposure::Internal),
        _ => None,
    }
}

fn in_manifest(text: &str) -> Trial {
    let mut manifests = Manifests::default();
    if let Err(error) = manifests.add("manifest", text) {
        return Trial {
            unclear: vec![error.to_string()],
            ..Trial::default()
        };
    }
    let found = manifests.images().iter();
    let mut images: Vec<(String, String)> = found
        .map(|it| (it.image.clone(), it.place.object()))
        .collect();
    images.sort();
    images.dedup();
    let unclear = manifests.unclear().iter();
    let mut unclear: Vec<String> = unclear.map(ToString::to_string).collect();
    let overlooked = manifests.overlooked().iter().take(MAX_IMAGES);
    unclear.extend(overlooked.map(|place| format!("not looked at: {place}")));
    let strange = manifests.kinds().filter(|kind| kind.not_understood);
    unclear.extend(strange.take(MAX_IMAGES).map(|it| {
        let (kind, of) = (&it.kind, &it.api_version);
        format!("{kind} of {of} is not understood: it may have images that are not shown here")
    }));
    let rendering = manifests.kinds().filter(|kind| kind.renders_elsewhere);
    unclear.extend(rendering.take(MAX_IMAGES).map(|it| {
        format!(
            "what comes of {} is rendered elsewhere, and not looked at",
            it.kind
        )
    }));
    if images.len() > MAX_IMAGES {
        let more = images.len() - MAX_IMAGES;
        unclear.push(format!(
            "{more} more images are not tried here; sekisho verify takes all"
        ));
        images.truncate(MAX_IMAGES);
    }
    if images.is_empty() && unclear.is_empty() {
        unclear.push("no image was found in it".to_owned());
    }
    Trial {
        images,
        unclear,
        exposure: None,
    }
}

async fn tried(visit: &Visit, trial: Trial) -> Result<TryPage, PageError> {
    let status: Status = visit.read(STATUS, &()).await?;
    let environments = status.environments.into_iter().map(|it| it.name);
    let environments: Vec<EnvironmentName> = environments.take(MAX_ENVIRONMENTS).collect();
    let mut rows = Vec::new();
    for (image, place) in trial.images {
        let mut verdicts = Vec::new();
        for environment in &environments {
            let asked = (&*image, environment, trial.exposure);
            verdicts.push(verdict(visit, asked).await);
        }
        rows.push(TriedRow {
            image: readable(&named_by_node(&image), 400),
            place,
            verdicts,
        });
    }
    Ok(TryPage {
        frame: visit.frame("Try an image").shown(),
        image: String::new(),
        exposure: String::new(),
        manifest: String::new(),
        environments: environments.iter().map(ToString::to_string).collect(),
        asked: !rows.is_empty() || !trial.unclear.is_empty(),
        rows,
        unclear: trial.unclear,
    })
}

/// As the API is asked for one verdict, on a name as a Pod has it.
fn question(
    image: &str,
    environment: Option<EnvironmentName>,
    exposure: Option<Exposure>,
) -> VerdictQuery {
    VerdictQuery {
        image: named_by_node(image),
        environment,
        exposure,
        findings: false,
        any_gateway: true,
    }
}

async fn verdict(
    visit: &Visit,
    (image, environment, exposure): (&str, &EnvironmentName, Option<Exposure>),
) -> TriedVerdict {
    let query = question(image, Some(environment.clone()), exposure);
    let twin = address(VERDICTS, &query);
    let twin = twin.trim_start_matches('/').to_owned();
    match visit.ask::<VerdictView>(VERDICTS, &query).await {
        Ok(verdict) => TriedVerdict::of(&verdict, environment.to_string(), twin),
        Err(refusal) => TriedVerdict {
            environment: environment.to_string(),
            outcome: match refusal.error.reason {
                None | Some(DenialReason::Undecidable) => "unknown",
                Some(_) => "denied",
            },
            told: refusal.error.message,
            next_step: refusal.error.next_step.unwrap_or_default(),
            digest: None,
            twin,
        },
    }
}

impl TriedVerdict {
    fn of(verdict: &VerdictView, environment: String, twin: String) -> Self {
        let first = verdict.reasons.first();
        let lifters = verdict.reasons.iter().map(|it| it.lifted_by.as_deref());
        let is_broken_glass = lifters.flatten().any(|it| it == "break-glass");
        let (outcome, told) = match (verdict.allowed, first) {
            (true, None) => ("allowed", String::new()),
            (true, Some(lifted)) if is_broken_glass => ("break-glass", lifted.detail.clone()),
            (true, Some(lifted)) => ("would-deny", lifted.detail.clone()),
            (false, Some(denial)) if verdict.is_undecided() => ("unknown", denial.detail.clone()),
            (false, Some(denial)) => ("denied", format!("{}: {}", denial.reason, denial.detail)),
            (false, None) => ("denied", verdict.message.clone()),
        };
        Self {
            environment,
            outcome,
            told: readable(&told, 500),
            next_step: first.map(|it| it.next_step.clone()).unwrap_or_default(),
            digest: Some(verdict.digest.to_string()),
            twin,
        }
    }
}
