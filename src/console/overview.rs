//! `/`: one screen of how things are.

use askama::Template;

use super::frame::Frame;
use super::moment::{Moment, span};
use super::page::Page;
use super::page_error::PageError;
use super::quantities::{bytes, percent};
use super::visit::Visit;
use crate::api::{
    BreakGlassView, CacheStatus, EnvironmentStatus, ListenerStatus, STATUS, Status, UpstreamState,
    UpstreamStatus,
};
use crate::oci::readable;

/// A certificate that ends within this is shown as a problem, in seconds.
const SOON: i64 = 14 * 24 * 3600;

#[derive(Template)]
#[template(path = "overview.html", config = "src/console/askama.toml")]
struct OverviewPage {
    frame: Frame,
    status: Status,
    environments: Vec<EnvironmentRow>,
    overrides: Vec<OverrideRow>,
    upstreams: Vec<UpstreamRow>,
    listeners: Vec<ListenerRow>,
}

/// An environment with the mode that holds there.
struct EnvironmentRow {
    name: String,
    mode: &'static str,
    /// Until when, under which ticket and by whom, where the mode was set for some hours.
    set: Option<(Moment, String)>,
}

/// An image that is let through under a ticket.
struct OverrideRow {
    image: String,
    environment: String,
    told: String,
    until: Moment,
}

/// How an upstream was last seen.
struct UpstreamRow {
    name: String,
    state: &'static str,
    tone: &'static str,
    detail: Option<String>,
}

/// Where nodes pull.
struct ListenerRow {
    address: String,
    serves: String,
    tone: &'static str,
    certificate: String,
}

pub(super) async fn page(visit: Visit) -> Result<Page, PageError> {
    let status: Status = visit.read(STATUS, &()).await?;
    let now = visit.now;
    let environments = status.environments.iter();
    let overrides = status.break_glass.iter();
    Ok(Page::of(&OverviewPage {
        frame: visit.frame("Overview").shown().twin(STATUS),
        environments: environments
            .map(|it| EnvironmentRow::new(it, now))
            .collect(),
        overrides: overrides.map(|it| OverrideRow::new(it, now)).collect(),
        upstreams: status.upstreams.iter().map(UpstreamRow::new).collect(),
        listeners: status.listeners.iter().map(ListenerRow::new).collect(),
        status,
    }))
}

impl EnvironmentRow {
    fn new(environment: &EnvironmentStatus, now: jiff::Timestamp) -> Self {
        Self {
            name: environment.name.to_string(),
            mode: environment.mode.as_str(),
            set: environment.set.as_ref().map(|set| {
                let told = format!("{} by {}", readable(&set.ticket, 60), set.set_by);
                (Moment::new(set.until, now), told)
            }),
        }
    }
}

impl OverrideRow {
    fn new(grant: &BreakGlassView, now: jiff::Timestamp) -> Self {
        let (ticket, by) = (readable(&grant.ticket, 60), &grant.granted_by);
        Self {
            image: grant
                .image
                .clone()
                .unwrap_or_else(|| grant.digest.to_string()),
            environment: grant.environment.to_string(),
            told: format!("{ticket} by {by}: {}", readable(&grant.reason, 200)),
            until: Moment::new(grant.until, now),
        }
    }
}

impl OverviewPage {
    /// Whether nothing is known to be wrong: nothing said so, and everything was asked.
    fn is_well(&self) -> bool {
        self.status.problems.is_empty() && self.unknown().is_empty()
    }

    /// What this page cannot say, since nobody answered yet.
    fn unknown(&self) -> Vec<String> {
        let status = &self.status;
        let mut unknown = Vec::new();
        if !status.ledger.loaded {
            unknown.push("The ledger is not read yet: counts below are not complete.".to_owned());
        }
        if status.audit.unindexed > 0 {
            let waiting = status.audit.unindexed;
            unknown.push(format!("{waiting} decision(s) wait to be listed."));
        }
        let unasked = status
            .upstreams
            .iter()
            .filter(|it| it.state == UpstreamState::Unknown);
        let unasked: Vec<&str> = unasked.map(|it| it.name.as_str()).collect();
        if !unasked.is_empty() {
            unknown.push(format!(
                "Not asked yet, so nothing is known of: {}.",
                unasked.join(", ")
            ));
        }
        unknown
    }

    fn ledger(&self) -> String {
        let ledger = &self.status.ledger;
        format!(
            "change {}, confirmed {} ago",
            ledger.seq,
            span(ledger.age_s)
        )
    }

    fn cache(&self) -> String {
        let CacheStatus {
            bytes: used,
            max_bytes,
            free_bytes,
            remote,
        } = &self.status.cache;
        let (used, max_bytes) = (*used, *max_bytes);
        let free = free_bytes.map_or("free space unknown".to_owned(), |it| {
            format!("{} free on its disk", bytes(it))
        });
        let part = percent(used, max_bytes);
        let behind = remote.as_ref().map_or(String::new(), |remote| {
            let waiting = remote.waiting;
            format!(
                "; behind it {}, {waiting} waiting",
                readable(&remote.url, 200)
            )
        });
        format!(
            "{} of {} ({part} %), {free}{behind}",
            bytes(used),
            bytes(max_bytes)
        )
    }
}

impl UpstreamRow {
    fn new(upstream: &UpstreamStatus) -> Self {
        Self {
            name: upstream.name.to_string(),
            state: upstream.state.as_str(),
            tone: match upstream.state {
                UpstreamState::Up => "good",
                UpstreamState::BackingOff => "warn",
                UpstreamState::Down => "bad",
                UpstreamState::Unknown => "unknown",
            },
            detail: upstream.detail.clone(),
        }
    }
}

impl ListenerRow {
    fn new(listener: &ListenerStatus) -> Self {
        let (tone, certificate) = match listener.certificate_expires_in_s {
            None if listener.tls => ("unknown", "not known".to_owned()),
            None => ("plain", "no TLS".to_owned()),
            Some(left) if left <= 0 => ("bad", format!("ended {} ago", span(-left))),
            Some(left) if left < SOON => ("warn", format!("ends in {}", span(left))),
            Some(left) => ("good", format!("ends in {}", span(left))),
        };
        let (environment, exposure) = (&listener.environment, listener.exposure);
        Self {
            address: listener.address.clone(),
            serves: format!("{environment}, {exposure}, clients: {}", listener.auth),
            tone,
            certificate,
        }
    }
}
