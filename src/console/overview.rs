//! `/`: one screen of how things are.

use askama::Template;
use jiff::Timestamp;

use super::admin_api::address;
use super::filters::Filters;
use super::frame::Frame;
use super::live::LIVE;
use super::moment::{self, Moment};
use super::overview_activity::ActivityShown;
use super::overview_repositories::RepositoriesShown;
use super::overview_rows::{
    ClusterRow, EnvironmentRow, ListenerRow, OverrideRow, ReplicaRow, UpstreamRow,
};
use super::page::Page;
use super::page_error::PageError;
use super::quantities::{bytes, percent};
use super::short_name::short_name;
use super::visit::Visit;
use crate::api::{
    ACTIVITY, ActivityQuery, ActivityView, DENIAL_GROUPS, DenialGroupList, DenialGroupQuery,
    REPLICAS, ReplicaList, STATUS, Status, UpstreamState,
};

/// Spans that can be chosen, in hours.
const SPANS: [(&str, u32, &str); 3] = [("1h", 1, "hour"), ("6h", 6, "6 hours"), ("24h", 24, "day")];
/// Groups of denials that are shown.
const MAX_DENIALS_SHOWN: usize = 5;

#[derive(Template)]
#[template(path = "overview.html", config = "src/console/askama.toml")]
struct OverviewPage {
    frame: Frame,
    status: Status,
    environments: Vec<EnvironmentRow>,
    overrides: Vec<OverrideRow>,
    upstreams: Vec<UpstreamRow>,
    listeners: Vec<ListenerRow>,
    clusters: Vec<ClusterRow>,
    /// The processes that serve the same ledger.
    replicas: Vec<ReplicaRow>,
    activity: ActivityShown,
    repositories: RepositoriesShown,
    denials: Vec<DenialRow>,
    /// What is known of the ledger, in words.
    ledger: String,
    /// The span that is shown, by its word in the address and for people.
    within: &'static str,
    span: &'static str,
}

/// What was denied last.
struct DenialRow {
    id: String,
    image: String,
    /// The same for a narrow column.
    short: String,
    environment: String,
    reason: &'static str,
    verdict: &'static str,
    count: u64,
    last: Moment,
}

pub(super) async fn page(visit: Visit) -> Result<Page, PageError> {
    let filters = Filters::of(&visit.uri, &["within"]);
    let chosen = SPANS.iter().find(|(key, ..)| filters.is("within", key));
    let (within, hours, span) = *chosen.unwrap_or(&SPANS[0]);
    let status: Status = visit.read(STATUS, &()).await?;
    let hours = ActivityQuery { hours: Some(hours) };
    let activity: ActivityView = visit.read(ACTIVITY, &hours).await?;
    let newest = DenialGroupQuery {
        limit: Some(MAX_DENIALS_SHOWN),
        ..DenialGroupQuery::default()
    };
    let denials: DenialGroupList = visit.read(DENIAL_GROUPS, &newest).await?;
    let replicas: ReplicaList = visit.read(REPLICAS, &()).await?;
    let now = visit.now;
    let frame = visit.frame("Overview").shown();
    let frame = frame
        .twin_of("Status", STATUS)
        .twin_of("Activity", &address(ACTIVITY, &hours))
        .twin_of("Denials", DENIAL_GROUPS)
        .twin_of("Replicas", REPLICAS);
    Ok(Page::of(&OverviewPage {
        frame: frame.live(&format!("{LIVE}?verdict=denied,would-deny")),
        environments: rows(&status.environments, |it| EnvironmentRow::new(it, now)),
        overrides: rows(&status.break_glass, |it| OverrideRow::new(it, now)),
        upstreams: rows(&status.upstreams, UpstreamRow::new),
        listeners: rows(&status.listeners, ListenerRow::new),
        clusters: rows(&status.clusters, ClusterRow::new),
        replicas: rows(&replicas.replicas, |it| ReplicaRow::new(it, now)),
        repositories: RepositoriesShown::new(&activity.repositories, within, now),
        activity: ActivityShown::new(activity, now),
        denials: denial_rows(&denials, now),
        ledger: ledger(&status, now),
        status,
        within,
        span,
    }))
}

fn rows<T, R>(of: &[T], row: impl Fn(&T) -> R) -> Vec<R> {
    of.iter().map(row).collect()
}

fn denial_rows(list: &DenialGroupList, now: Timestamp) -> Vec<DenialRow> {
    rows(&list.groups, |group| DenialRow {
        id: group.id.to_string(),
        image: group.image.clone(),
        short: short_name(&group.image),
        environment: group.environment.to_string(),
        reason: group.reason.map_or("-", |it| it.code()),
        verdict: group.verdict.as_str(),
        count: group.count,
        last: Moment::new(group.last, now),
    })
}

fn ledger(status: &Status, now: Timestamp) -> String {
    let ledger = &status.ledger;
    let confirmed = now.checked_sub(jiff::SignedDuration::from_secs(ledger.age_s));
    let confirmed = Moment::new(confirmed.unwrap_or(now), now);
    format!("change {}, confirmed {}", ledger.seq, confirmed.told)
}

impl OverviewPage {
    /// Whether nothing is known to be wrong: nothing said so, and everything was asked.
    fn is_well(&self) -> bool {
        let status = &self.status;
        // Problems are among the warnings.
        status.warnings.is_empty() && status.running_denied.is_empty() && self.unknown().is_empty()
    }

    /// What is allowed, and worth a second look.
    fn doubtful(&self) -> Vec<&String> {
        let (all, urgent) = (&self.status.warnings, &self.status.problems);
        all.iter().filter(|it| !urgent.contains(it)).collect()
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
        let unasked = status.upstreams.iter();
        let unasked = unasked.filter(|it| it.state == UpstreamState::Unknown);
        let unasked: Vec<&str> = unasked.map(|it| it.name.as_str()).collect();
        if !unasked.is_empty() {
            let unasked = unasked.join(", ");
            unknown.push(format!("Not asked yet, so nothing is known of: {unasked}."));
        }
        unknown
    }

    fn cache(&self) -> String {
        let cache = &self.status.cache;
        let free = cache.free_bytes;
        let free = free.map_or("free space unknown".to_owned(), |it| {
            format!("{} free on its disk", bytes(it))
        });
        let part = percent(cache.bytes, cache.max_bytes);
        let (used, most) = (bytes(cache.bytes), bytes(cache.max_bytes));
        format!("{used} of {most} ({part} %), {free}")
    }

    /// The tier behind the disk, and whether something is wrong with it.
    fn remote(&self) -> Option<(bool, String)> {
        let remote = self.status.cache.remote.as_ref()?;
        Some(match &remote.problem {
            Some(problem) => (true, format!("{}: {problem}", remote.url)),
            None => {
                let (waiting, lag) = (remote.waiting, moment::span(remote.lag_s));
                let told = format!("{waiting} waiting, the first for {lag}");
                (false, format!("{}, {told}", remote.url))
            }
        })
    }

    fn spans(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        SPANS.iter().map(|(key, _, name)| (*key, *name))
    }
}
