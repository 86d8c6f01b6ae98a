//! `/forecast`: what will be denied, first the Pods that could not start again.

use askama::Template;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};

use super::download::{MAX_ROWS, file};
use super::environment_choice::EnvironmentChoice;
use super::filters::Filters;
use super::frame::Frame;
use super::moment::Moment;
use super::page::Page;
use super::page_error::PageError;
use super::pod_rows::{PodRow, knows_pods};
use super::short_name::short_name;
use super::visit::Visit;
use crate::api::{FORECAST, ForecastList, ForecastView};
use crate::oci::readable;

const FILTERS: [&str; 4] = ["within", "environment", "running", "page"];
const SPANS: [(&str, &str); 3] = [("1d", "a day"), ("7d", "7 days"), ("30d", "30 days")];
/// Pods that are named of one image, at most.
const MAX_PODS_SHOWN: usize = 5;

#[derive(Template)]
#[template(path = "forecast.html", config = "src/console/askama.toml")]
struct ForecastPage {
    frame: Frame,
    filters: Filters,
    environments: EnvironmentChoice,
    /// How far can be looked, by its word in the address.
    spans: [(&'static str, &'static str); 3],
    sections: Vec<ForecastSection>,
    certificates: Vec<(String, String, Moment)>,
    unknown: Vec<String>,
    judged: usize,
    /// Of these, those that are denied already and that no Pod is known to run.
    denied_already: usize,
    in_use: usize,
    running: usize,
    knows_pods: bool,
    until: Moment,
    next: Option<String>,
    file: String,
}

/// What is denied within one span.
struct ForecastSection {
    title: &'static str,
    tone: &'static str,
    rows: Vec<ForecastRow>,
}

/// One image that will be denied.
struct ForecastRow {
    image: String,
    short: String,
    digest: String,
    environment: String,
    at: Option<Moment>,
    cause: String,
    reason: &'static str,
    detail: String,
    next_step: String,
    pods: Vec<PodRow>,
    more_pods: usize,
}

pub(super) async fn page(visit: Visit) -> Result<Page, PageError> {
    let filters = Filters::of(&visit.uri, &FILTERS);
    let asked = asked(&filters);
    let list: ForecastList = visit.read(FORECAST, &asked.query(visit.now)).await?;
    let next = list.next.as_ref();
    let certificates = list.certificates.iter().map(|it| {
        let at = Moment::new(it.at, visit.now);
        (it.listener.clone(), it.environment.to_string(), at)
    });
    Ok(Page::of(&ForecastPage {
        environments: EnvironmentChoice::read(&visit, &filters).await,
        frame: visit.frame("Forecast").shown().twin(&asked.at(FORECAST)),
        spans: SPANS,
        sections: sections(&list, visit.now),
        certificates: certificates.collect(),
        unknown: list.unknown(),
        judged: list.coverage.judged,
        denied_already: denied_already(&list),
        in_use: list.coverage.in_use,
        running: list.coverage.running,
        knows_pods: knows_pods(&list.clusters),
        until: Moment::new(list.until, visit.now),
        next: next.map(|page| filters.clone().with("page", page).at("forecast")),
        file: filters.clone().without("page").at("forecast.csv"),
        filters,
    }))
}

/// `/forecast.csv`: the same as a file.
pub(super) async fn spreadsheet(visit: Visit) -> Result<Response, PageError> {
    let filters = asked(&Filters::of(&visit.uri, &FILTERS)).with("limit", "2000");
    let mut list: ForecastList = visit.read(FORECAST, &filters.query(visit.now)).await?;
    while let Some(page) = list.next.take().filter(|_| list.denials.len() < MAX_ROWS) {
        let filters = filters.clone().with("page", &page);
        let more: ForecastList = visit.read(FORECAST, &filters.query(visit.now)).await?;
        list.denials.extend(more.denials);
        list.next = more.next;
    }
    let name = "attachment; filename=\"forecast.csv\"";
    Ok(file(name, list.spreadsheet()))
}

/// As the API is asked.
fn asked(filters: &Filters) -> Filters {
    let hours = match filters.get("within") {
        "1d" => "24",
        "30d" => "720",
        _ => "168",
    };
    filters
        .clone()
        .without("within")
        .with("within_hours", hours)
}

/// How many are denied already beside those that are listed, which run.
fn denied_already(list: &ForecastList) -> usize {
    let listed = list.denials.iter().filter(|it| it.at.is_none()).count();
    list.coverage.denied_already.saturating_sub(listed)
}

/// By when it happens; what runs stands first in each.
fn sections(list: &ForecastList, now: Timestamp) -> Vec<ForecastSection> {
    let mut sections = vec![
        section(
            "Denied now, and running: these Pods cannot start again",
            "bad",
        ),
        section("Within a day", "bad"),
        section("Within 7 days", "warn"),
        section("Later", ""),
    ];
    for denial in &list.denials {
        let place = match denial.at.map(|at| at.duration_since(now)) {
            None => 0,
            Some(left) if left <= SignedDuration::from_hours(24) => 1,
            Some(left) if left <= SignedDuration::from_hours(7 * 24) => 2,
            Some(_) => 3,
        };
        sections[place].rows.push(ForecastRow::new(denial, now));
    }
    sections.retain(|section| !section.rows.is_empty());
    sections
}

fn section(title: &'static str, tone: &'static str) -> ForecastSection {
    ForecastSection {
        title,
        tone,
        rows: Vec::new(),
    }
}

impl ForecastPage {
    fn is_span(&self, word: &str) -> bool {
        let set = self.filters.get("within");
        set == word || (set.is_empty() && word == "7d")
    }
}

impl ForecastRow {
    fn new(denial: &ForecastView, now: Timestamp) -> Self {
        let digest = denial.digest.to_string();
        let first = denial.reasons.first();
        let pods = denial.pods.iter().take(MAX_PODS_SHOWN);
        let pods = pods.map(|pod| PodRow::new(&denial.image, &digest, pod));
        Self {
            image: denial.image.clone(),
            short: short_name(&denial.image),
            environment: denial.environment.to_string(),
            at: denial.at.map(|at| Moment::new(at, now)),
            cause: cause(denial),
            reason: first.map_or("", |it| it.reason.code()),
            detail: first
                .map(|it| readable(&it.detail, 300))
                .unwrap_or_default(),
            next_step: first
                .map(|it| readable(&it.next_step, 300))
                .unwrap_or_default(),
            pods: pods.collect(),
            more_pods: denial.pods.len().saturating_sub(MAX_PODS_SHOWN),
            digest,
        }
    }
}

/// What ends, in words.
fn cause(denial: &ForecastView) -> String {
    let what = denial.ends.as_deref().map(|it| readable(it, 100));
    let what = what.unwrap_or_default();
    match denial.cause.as_str() {
        "denied-now" => "denied already".to_owned(),
        "scan-stale" => "its scan grows stale".to_owned(),
        "grace-ends" => "its grace ends".to_owned(),
        "exception-ends" => format!("exception {what} ends"),
        "advisory-ends" => format!("advisory {what} ends"),
        "vouching-ends" => format!("{what} vouches no longer"),
        "break-glass-ends" => format!("break-glass under {what} ends"),
        "mode-ends" => format!("the mode set under {what} ends"),
        _ => "something that holds now ends".to_owned(),
    }
}
