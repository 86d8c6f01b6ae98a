//! `/denials`: what is denied, to whom, since when, and what to do: live, and grouped.

use askama::Template;
use jiff::{SignedDuration, Timestamp};
use url::form_urlencoded;

use super::environment_choice::EnvironmentChoice;
use super::filters::Filters;
use super::frame::Frame;
use super::live::LIVE;
use super::moment::Moment;
use super::page::Page;
use super::page_error::PageError;
use super::short_name::short_name;
use super::visit::Visit;
use crate::api::{AskerView, DENIAL_GROUPS, DenialGroupList, DenialGroupView, STATUS, Status};
use crate::trust::DenialReason;

/// Spans that can be chosen, in hours, with their names.
const SPANS: [(&str, i64, &str); 3] = [
    ("1h", 1, "last hour"),
    ("6h", 6, "last 6 hours"),
    ("24h", 24, "last day"),
];
/// The names of its filters: beside `within`, those of the API.
const FILTERS: [&str; 7] = [
    "within",
    "environment",
    "verdict",
    "reason",
    "image",
    "who",
    "offset",
];
/// Of these, what the stream of decisions can be narrowed by.
const LIVE_BY: [&str; 3] = ["environment", "reason", "image"];

#[derive(Template)]
#[template(path = "denials.html", config = "src/console/askama.toml")]
struct DenialsPage {
    frame: Frame,
    filters: Filters,
    environments: EnvironmentChoice,
    rows: Vec<GroupRow>,
    list: DenialGroupList,
    /// In words, as in `last hour`.
    span: &'static str,
    /// Where some are missing before: from when on none is.
    cut: Option<Moment>,
    /// Whether the ledger was read whole, so that nothing is hidden.
    is_loaded: bool,
    /// Where the next page is.
    next: Option<String>,
}

/// One group.
struct GroupRow {
    view: DenialGroupView,
    first: Moment,
    last: Moment,
    askers: Vec<String>,
}

pub(super) async fn page(visit: Visit) -> Result<Page, PageError> {
    let filters = Filters::of(&visit.uri, &FILTERS);
    let (since, span) = span(&filters, visit.now);
    let address = address(&filters, since);
    let list: DenialGroupList = visit.read_at(&address).await?;
    let status: Status = visit.read(STATUS, &()).await?;
    let rows = list.groups.iter();
    let rows = rows.map(|group| GroupRow::new(group, visit.now)).collect();
    let live = filters.clone().only(&LIVE_BY);
    let live = live.with("verdict", "denied,would-deny").at(LIVE);
    let frame = visit.frame("Denials").shown().twin(&address);
    Ok(Page::of(&DenialsPage {
        frame: frame.live(&live),
        environments: EnvironmentChoice::of(&status, &filters),
        is_loaded: status.ledger.loaded,
        cut: (list.complete_since > since).then(|| Moment::new(list.complete_since, visit.now)),
        next: list
            .next
            .map(|next| filters.clone().with("offset", &next.to_string()))
            .map(|next| next.at("denials")),
        rows,
        list,
        span,
        filters,
    }))
}

/// How far back, to the second, so that the address of the JSON can be shared.
fn span(filters: &Filters, now: Timestamp) -> (Timestamp, &'static str) {
    let asked = filters.get("within");
    let chosen = SPANS.iter().find(|(key, ..)| *key == asked);
    let (_, hours, name) = chosen.unwrap_or(&SPANS[0]);
    let since = now.checked_sub(SignedDuration::from_hours(*hours));
    let since = since.unwrap_or(Timestamp::MIN);
    let whole = Timestamp::from_second(since.as_second()).unwrap_or(since);
    (whole, name)
}

fn address(filters: &Filters, since: Timestamp) -> String {
    let asked = filters.clone().without("within");
    asked.with("since", &since.to_string()).at(DENIAL_GROUPS)
}

impl GroupRow {
    fn new(view: &DenialGroupView, now: Timestamp) -> Self {
        Self {
            first: Moment::new(view.first, now),
            last: Moment::new(view.last, now),
            askers: view.askers.iter().map(told).collect(),
            view: view.clone(),
        }
    }

    fn reason(&self) -> &'static str {
        self.view.reason.map_or("-", DenialReason::code)
    }

    /// For a narrow column.
    fn image(&self) -> String {
        short_name(&self.view.image)
    }

    /// What makes it the same group when the page asks for itself again.
    fn key(&self) -> String {
        let (verdict, environment) = (self.view.verdict.as_str(), &self.view.environment);
        let (reason, image) = (self.reason(), self.image_query());
        format!("{verdict} {reason} {environment} {image}")
    }

    /// The query that shows this image alone.
    fn image_query(&self) -> String {
        let asked = match &self.view.digest {
            Some(digest) => digest.to_string(),
            None => self.view.image.clone(),
        };
        form_urlencoded::Serializer::new(String::new())
            .append_pair("image", &asked)
            .finish()
    }
}

/// Who asks: what would run it where that is known, else who pulls from where.
fn told(asker: &AskerView) -> String {
    let doubt = match asker.unauthenticated {
        true => " (unauthenticated)",
        false => "",
    };
    let who = &asker.principal;
    let place = asker.cluster.as_ref().zip(asker.namespace.as_ref());
    let client = asker.client.as_ref().map(|it| format!(" at {it}"));
    match place {
        Some((cluster, namespace)) => {
            let workload = asker.workload.as_deref().unwrap_or_default();
            format!("{cluster}/{namespace} {workload} by {who}{doubt}")
        }
        None => format!("{who}{doubt}{}", client.unwrap_or_default()),
    }
}

impl DenialsPage {
    fn reasons(&self) -> impl Iterator<Item = &'static str> {
        DenialReason::ALL.into_iter().map(DenialReason::code)
    }

    fn spans(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        SPANS.iter().map(|(key, _, name)| (*key, *name))
    }
}
