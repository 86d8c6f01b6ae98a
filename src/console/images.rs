//! `/images`: which images hold something, what runs them, and what to do about it.

use askama::Template;
use axum::response::Response;

use super::advisory_draft::AdvisoryDraft;
use super::download::{MAX_ROWS, file};
use super::environment_choice::EnvironmentChoice;
use super::filters::Filters;
use super::frame::Frame;
use super::moment::Moment;
use super::page::{PER_PAGE, Page};
use super::page_error::PageError;
use super::pod_rows::{PodRow, PodsInBrief};
use super::short_name::short_name;
use super::visit::Visit;
use crate::api::{IMAGES, ImageList, ImageView, MatchView};
use crate::oci::{distinct, readable};
use crate::report::sourced;

/// The names of its filters, which are the API's.
const FILTERS: [&str; 10] = [
    "cve",
    "package",
    "advisory",
    "name",
    "digest",
    "environment",
    "running",
    "exposed",
    "denied",
    "page",
];
/// Images whose Pods are shown above the list, at most.
const MOST_RUNNING: &str = "200";
/// Pods that are shown above the list, at most.
const MAX_PODS_SHOWN: usize = 100;

#[derive(Template)]
#[template(path = "images.html", config = "src/console/askama.toml")]
struct ImagesPage {
    frame: Frame,
    filters: Filters,
    environments: EnvironmentChoice,
    total: usize,
    known: usize,
    counted: Option<Moment>,
    ids: String,
    rows: Vec<ImageRow>,
    pods: Vec<PodRow>,
    more_pods: usize,
    /// Images of which it is not looked up here what runs them.
    more_running: usize,
    unknown: Vec<String>,
    next: Option<String>,
    file: String,
    draft: Option<AdvisoryDraft>,
}

/// One image of the list.
struct ImageRow {
    image: String,
    short: String,
    digest: String,
    platform: String,
    found: Vec<FoundRow>,
    more: usize,
    scanned: Option<Moment>,
    promoted: String,
    pulled: Option<(Moment, String)>,
    pods: PodsInBrief,
    denied: Option<(String, String)>,
}

/// What was looked for, as a scan names it.
pub(super) struct FoundRow {
    pub severity: &'static str,
    pub id: String,
    pub package: String,
    pub fixed: Option<String>,
}

pub(super) async fn page(visit: Visit) -> Result<Page, PageError> {
    let filters = Filters::of(&visit.uri, &FILTERS);
    let asked = filters.clone().with("limit", PER_PAGE);
    let list: ImageList = visit.read(IMAGES, &asked.query(visit.now)).await?;
    let is_narrowed = ["cve", "package", "advisory", "digest", "name"]
        .iter()
        .any(|name| !filters.get(name).is_empty());
    let running = match is_narrowed {
        true => running(&visit, &filters).await?,
        false => RunningShown::default(),
    };
    let next = list.next.as_ref();
    let rows = list.images.iter().map(|it| ImageRow::new(it, &visit));
    Ok(Page::of(&ImagesPage {
        environments: EnvironmentChoice::read(&visit, &filters).await,
        frame: visit.frame("Images").shown().twin(&asked.at(IMAGES)),
        total: list.total,
        known: list.coverage.known,
        counted: list.coverage.read_at.map(|at| Moment::new(at, visit.now)),
        ids: list.ids.join(", "),
        rows: rows.collect(),
        more_pods: running.more_pods,
        more_running: running.more_images,
        pods: running.pods,
        unknown: list.unknown(!filters.get("cve").is_empty()),
        next: next.map(|page| filters.clone().with("page", page).at("images")),
        file: filters.clone().without("page").at("images.csv"),
        draft: AdvisoryDraft::of(&visit, &filters, &list),
        filters,
    }))
}

/// The Pods that run what was found.
#[derive(Default)]
struct RunningShown {
    /// Those that outsiders reach first.
    pods: Vec<PodRow>,
    more_pods: usize,
    more_images: usize,
}

/// Of very many images that run, those that outsiders reach come before the first by name.
async fn running(visit: &Visit, filters: &Filters) -> Result<RunningShown, PageError> {
    let asked = filters.clone().without("page");
    let asked = asked.with("running", "true").with("limit", MOST_RUNNING);
    let mut list: ImageList = visit.read(IMAGES, &asked.query(visit.now)).await?;
    let more_images = list.total.saturating_sub(list.images.len());
    if more_images > 0 {
        let exposed = asked.with("exposed", "true");
        let exposed: ImageList = visit.read(IMAGES, &exposed.query(visit.now)).await?;
        let is_new = |it: &ImageView| exposed.images.iter().all(|known| known.image != it.image);
        list.images.retain(is_new);
        list.images.extend(exposed.images);
    }
    let mut pods = Vec::new();
    for image in &list.images {
        let digest = image.digest.to_string();
        let own = image.pods.iter().flatten();
        pods.extend(own.map(|pod| PodRow::new(&image.image, &digest, pod)));
    }
    pods.sort_by_key(|row| row.way.is_none());
    let more_pods = pods.len().saturating_sub(MAX_PODS_SHOWN);
    pods.truncate(MAX_PODS_SHOWN);
    Ok(RunningShown {
        pods,
        more_pods,
        more_images,
    })
}

/// `/images.csv`: the same list as a file.
pub(super) async fn spreadsheet(visit: Visit) -> Result<Response, PageError> {
    let filters = Filters::of(&visit.uri, &FILTERS).with("limit", "1000");
    let mut list: ImageList = visit.read(IMAGES, &filters.query(visit.now)).await?;
    while let Some(page) = list.next.take().filter(|_| list.images.len() < MAX_ROWS) {
        let filters = filters.clone().with("page", &page);
        let more: ImageList = visit.read(IMAGES, &filters.query(visit.now)).await?;
        list.images.extend(more.images);
        list.next = more.next;
    }
    let name = "attachment; filename=\"images.csv\"";
    Ok(file(name, list.spreadsheet()))
}

impl ImageRow {
    fn new(image: &ImageView, visit: &Visit) -> Self {
        let promoted: Vec<&str> = image.promoted.iter().map(|it| it.as_str()).collect();
        let pull = image.pulled.first();
        let denial = image.denials.first();
        let (found, more) = found(&image.matches);
        Self {
            image: image.image.clone(),
            short: short_name(&image.image),
            digest: image.digest.to_string(),
            platform: image
                .platform
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            found,
            more,
            scanned: image.scanned_at.map(|at| Moment::new(at, visit.now)),
            promoted: promoted.join(", "),
            pulled: pull.map(|pull| {
                let who = pull.principal.as_deref().unwrap_or("unknown");
                let told = format!("{} in {}", readable(who, 80), pull.environment);
                (Moment::new(pull.at, visit.now), told)
            }),
            pods: PodsInBrief::new(image.pods.as_deref()),
            denied: denial.map(|denial| {
                let codes = distinct(denial.reasons.iter().map(|it| it.code()));
                (denial.id.to_string(), codes.join(", "))
            }),
        }
    }
}

/// The gravest few, and how many more there are.
fn found(matches: &[MatchView]) -> (Vec<FoundRow>, usize) {
    let mut gravest: Vec<&MatchView> = matches.iter().collect();
    gravest.sort_by_key(|it| std::cmp::Reverse((it.severity, it.id.is_some())));
    let rows = gravest.iter().take(2).map(|it| FoundRow::new(it));
    (rows.collect(), matches.len().saturating_sub(2))
}

impl FoundRow {
    pub fn new(found: &MatchView) -> Self {
        let package = sourced(&found.package, &found.installed, found.source.as_deref());
        Self {
            severity: match (&found.id, found.severity) {
                (None, _) => "listed",
                (Some(_), Some(severity)) => severity.as_str(),
                (Some(_), None) => "unrated",
            },
            id: readable(found.id.as_deref().unwrap_or_default(), 100),
            package: readable(&package, 200),
            fixed: found.fixed.as_deref().map(|it| readable(it, 100)),
        }
    }
}
