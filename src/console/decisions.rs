//! `/decisions`: what was decided, for whom, and why.

use askama::Template;
use axum::response::Response;

use super::download::{MAX_ROWS, file};
use super::environment_choice::EnvironmentChoice;
use super::filters::Filters;
use super::frame::Frame;
use super::moment::Moment;
use super::page::{PER_PAGE, Page};
use super::page_error::PageError;
use super::visit::Visit;
use crate::api::{DECISIONS, DecisionList, DecisionRecord};
use crate::oci::readable;
use crate::trust::{DenialReason, Outcome};

const FILTERS: [&str; 8] = [
    "since",
    "verdict",
    "reason",
    "environment",
    "image",
    "principal",
    "client",
    "page",
];

#[derive(Template)]
#[template(path = "decisions.html", config = "src/console/askama.toml")]
struct DecisionsPage {
    frame: Frame,
    filters: Filters,
    environments: EnvironmentChoice,
    verdicts: [&'static str; Outcome::ALL.len()],
    reasons: [&'static str; DenialReason::ALL.len()],
    rows: Vec<DecisionRow>,
    next: Option<String>,
    file: String,
}

struct DecisionRow {
    id: String,
    at: Moment,
    verdict: &'static str,
    count: u64,
    environment: String,
    image: String,
    reasons: String,
    by: String,
    place: String,
}

pub(super) async fn page(visit: Visit) -> Result<Page, PageError> {
    let filters = Filters::of(&visit.uri, &FILTERS);
    let shown = filters.clone().with("limit", PER_PAGE);
    let list: DecisionList = visit.read(DECISIONS, &shown.query(visit.now)).await?;
    let next = list.next.as_ref();
    let rows = list.decisions.iter().map(|it| DecisionRow::new(it, &visit));
    Ok(Page::of(&DecisionsPage {
        environments: EnvironmentChoice::read(&visit, &filters).await,
        frame: visit
            .frame("Decisions")
            .shown()
            .twin(&shown.twin(DECISIONS, visit.now)),
        verdicts: Outcome::ALL.map(Outcome::as_str),
        reasons: DenialReason::ALL.map(DenialReason::code),
        rows: rows.collect(),
        next: next.map(|page| filters.clone().with("page", page).at("decisions")),
        file: filters.clone().without("page").at("decisions.csv"),
        filters,
    }))
}

/// `/decisions.csv`: the same as a file.
pub(super) async fn spreadsheet(visit: Visit) -> Result<Response, PageError> {
    let filters = Filters::of(&visit.uri, &FILTERS).with("limit", "1000");
    let mut list: DecisionList = visit.read(DECISIONS, &filters.query(visit.now)).await?;
    while let Some(page) = list.next.take().filter(|_| list.decisions.len() < MAX_ROWS) {
        let filters = filters.clone().with("page", &page);
        let more: DecisionList = visit.read(DECISIONS, &filters.query(visit.now)).await?;
        list.decisions.extend(more.decisions);
        list.next = more.next;
    }
    let name = "attachment; filename=\"decisions.csv\"";
    Ok(file(name, list.spreadsheet()))
}

impl DecisionRow {
    fn new(decision: &DecisionRecord, visit: &Visit) -> Self {
        let client = decision.client.as_ref().map(|it| format!(" at {it}"));
        let by = format!("{}{}", decision.principal, client.unwrap_or_default());
        Self {
            id: decision.id.to_string(),
            at: Moment::new(decision.time, visit.now),
            verdict: decision.verdict.as_str(),
            count: decision.count,
            environment: decision.environment.to_string(),
            image: readable(&decision.image, 400),
            reasons: decision.reason_codes().join(", "),
            by: readable(&by, 200),
            place: readable(&decision.place().unwrap_or_default(), 300),
        }
    }
}
