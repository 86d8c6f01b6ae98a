//! `/exceptions`: what is accepted and what is said by the security department, until when,
//! and what uses it.

use askama::Template;

use super::admin_api::address;
use super::frame::Frame;
use super::moment::Moment;
use super::page::Page;
use super::page_error::PageError;
use super::visit::Visit;
use crate::api::{
    ADVISORIES, AdvisoryList, AdvisoryView, EXCEPTIONS, ExceptionList, ExceptionView,
    PolicyEntryState,
};
use crate::oci::readable;
use crate::trust::told_end;

/// Exceptions that are shown, and advisories, at most: those that end first.
const MAX_SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "exceptions.html", config = "src/console/askama.toml")]
struct ExceptionsPage {
    frame: Frame,
    exceptions: Vec<ExceptionRow>,
    advisories: Vec<AdvisoryRow>,
    more_exceptions: usize,
    more_advisories: usize,
    ending: usize,
    /// Files that do not hold as they stand.
    not_in_force: Vec<String>,
}

struct ExceptionRow {
    id: String,
    state: &'static str,
    ends: Moment,
    last_day: String,
    /// What it accepts, with where the images that have it are found.
    accepts: Vec<(String, Option<String>)>,
    images: String,
    packages: String,
    reason: String,
    owner: String,
    link: Option<String>,
    used: Option<bool>,
    /// The advisories that raise all that it would accept.
    overruled_by: String,
}

struct AdvisoryRow {
    id: String,
    state: &'static str,
    ends: Option<Moment>,
    last_day: String,
    effect: String,
    what: String,
    reason: String,
    link: Option<String>,
    /// Where the images that it speaks of are found.
    found: String,
}

pub(super) async fn page(visit: Visit) -> Result<Page, PageError> {
    let mut exceptions: ExceptionList = visit.read(EXCEPTIONS, &()).await?;
    let mut advisories: AdvisoryList = visit.read(ADVISORIES, &()).await?;
    exceptions.exceptions.sort_by_key(|it| it.expires);
    advisories
        .advisories
        .sort_by_key(|it| (it.expires.is_none(), it.expires));
    let ending = exceptions.exceptions.iter();
    let ending = ending.filter(|it| it.state == PolicyEntryState::Expiring);
    Ok(Page::of(&ExceptionsPage {
        frame: visit
            .frame("Exceptions and advisories")
            .shown()
            .twin_of("Exceptions", EXCEPTIONS)
            .twin_of("Advisories", ADVISORIES),
        ending: ending.count(),
        not_in_force: std::mem::take(&mut advisories.not_in_force),
        more_exceptions: exceptions.exceptions.len().saturating_sub(MAX_SHOWN),
        more_advisories: advisories.advisories.len().saturating_sub(MAX_SHOWN),
        exceptions: exceptions
            .exceptions
            .iter()
            .take(MAX_SHOWN)
            .map(|it| ExceptionRow::new(it, &visit))
            .collect(),
        advisories: advisories
            .advisories
            .iter()
            .take(MAX_SHOWN)
            .map(|it| AdvisoryRow::new(it, &visit))
            .collect(),
    }))
}

impl ExceptionRow {
    fn new(exception: &ExceptionView, visit: &Visit) -> Self {
        let ids = exception.vulnerabilities.iter();
        let ids = ids.map(|id| (readable(id, 100), Some(images(&[("cve", id)]))));
        let more = exception.accept.iter().map(|it| (it.clone(), None));
        Self {
            id: readable(&exception.id, 100),
            state: exception.state.as_str(),
            ends: Moment::new(exception.expires, visit.now),
            last_day: told_end(exception.expires),
            accepts: ids.chain(more).collect(),
            images: exception.images.join(", "),
            packages: exception.packages.join(", "),
            reason: readable(&exception.reason, 500),
            owner: readable(&exception.owner, 100),
            link: followed(&exception.link),
            used: exception.used,
            overruled_by: readable(&exception.overruled_by.join(", "), 200),
        }
    }
}

impl AdvisoryRow {
    fn new(advisory: &AdvisoryView, visit: &Visit) -> Self {
        let digests = advisory.digests.iter().map(ToString::to_string);
        let named = advisory.vulnerabilities.iter().chain(&advisory.packages);
        let what: Vec<String> = named.cloned().chain(digests).collect();
        Self {
            id: readable(&advisory.id, 100),
            state: advisory.state.as_str(),
            ends: advisory.expires.map(|at| Moment::new(at, visit.now)),
            last_day: advisory.expires.map(told_end).unwrap_or_default(),
            effect: match advisory.severity {
                Some(severity) => format!("{} to {severity}", advisory.effect),
                None => advisory.effect.clone(),
            },
            what: readable(&what.join(", "), 1000),
            reason: readable(&advisory.reason, 500),
            link: followed(&advisory.link),
            found: images(&[("advisory", &advisory.id)]),
        }
    }
}

/// The page of images, narrowed.
fn images(filters: &[(&str, &str)]) -> String {
    let filters: std::collections::BTreeMap<_, _> = filters.iter().copied().collect();
    address("images", &filters)
}

/// A link that leads to the web, and nowhere else.
pub(super) fn followed(link: &str) -> Option<String> {
    let leads = link.starts_with("https://") || link.starts_with("http://");
    leads.then(|| link.to_owned())
}
