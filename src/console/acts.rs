//! `/acts`: who promoted, revoked, overrode and made tokens.

use askama::Template;
use axum::response::Response;

use super::download::{MAX_ROWS, file};
use super::environment_choice::EnvironmentChoice;
use super::exceptions::followed;
use super::filters::Filters;
use super::frame::Frame;
use super::moment::Moment;
use super::page::{PER_PAGE, Page};
use super::page_error::PageError;
use super::visit::Visit;
use crate::api::{ACTS, ActList, ActRecord};
use crate::oci::readable;
use crate::trust::ActKind;

const FILTERS: [&str; 6] = ["since", "act", "principal", "environment", "image", "page"];

#[derive(Template)]
#[template(path = "acts.html", config = "src/console/askama.toml")]
struct ActsPage {
    frame: Frame,
    filters: Filters,
    environments: EnvironmentChoice,
    kinds: [&'static str; ActKind::ALL.len()],
    rows: Vec<ActRow>,
    next: Option<String>,
    file: String,
}

struct ActRow {
    at: Moment,
    act: &'static str,
    by: String,
    from: String,
    environment: String,
    image: String,
    digest: Option<String>,
    told: String,
    why: String,
    link: Option<String>,
    until: Option<Moment>,
}

pub(super) async fn page(visit: Visit) -> Result<Page, PageError> {
    let filters = Filters::of(&visit.uri, &FILTERS);
    let shown = filters.clone().with("limit", PER_PAGE);
    let list: ActList = visit.read(ACTS, &shown.query(visit.now)).await?;
    let next = list.next.as_ref();
    let rows = list.acts.iter().map(|it| ActRow::new(it, &visit));
    Ok(Page::of(&ActsPage {
        environments: EnvironmentChoice::read(&visit, &filters).await,
        frame: visit
            .frame("Acts")
            .shown()
            .twin(&shown.twin(ACTS, visit.now)),
        kinds: ActKind::ALL.map(ActKind::as_str),
        rows: rows.collect(),
        next: next.map(|page| filters.clone().with("page", page).at("acts")),
        file: filters.clone().without("page").at("acts.csv"),
        filters,
    }))
}

/// `/acts.csv`: the same as a file.
pub(super) async fn spreadsheet(visit: Visit) -> Result<Response, PageError> {
    let filters = Filters::of(&visit.uri, &FILTERS).with("limit", "1000");
    let mut list: ActList = visit.read(ACTS, &filters.query(visit.now)).await?;
    while let Some(page) = list.next.take().filter(|_| list.acts.len() < MAX_ROWS) {
        let filters = filters.clone().with("page", &page);
        let more: ActList = visit.read(ACTS, &filters.query(visit.now)).await?;
        list.acts.extend(more.acts);
        list.next = more.next;
    }
    let name = "attachment; filename=\"acts.csv\"";
    Ok(file(name, list.spreadsheet()))
}

impl ActRow {
    fn new(act: &ActRecord, visit: &Visit) -> Self {
        let text = |text: &Option<String>| readable(text.as_deref().unwrap_or_default(), 300);
        let why = [&act.ticket, &act.reason].into_iter().flatten();
        let why: Vec<String> = why.map(|it| readable(it, 300)).collect();
        let environment = act.environment.as_ref();
        let told = [text(&act.subject), readable(&act.detail, 300)];
        let told: Vec<String> = told.into_iter().filter(|it| !it.is_empty()).collect();
        Self {
            at: Moment::new(act.time, visit.now),
            act: act.act.as_str(),
            by: readable(&act.principal, 100),
            from: text(&act.client),
            environment: environment.map(ToString::to_string).unwrap_or_default(),
            image: text(&act.image),
            digest: act.digest.as_ref().map(ToString::to_string),
            told: told.join(": "),
            why: why.join(": "),
            link: act.link.as_deref().and_then(followed),
            until: act.until.map(|at| Moment::new(at, visit.now)),
        }
    }
}
