//! The rows of the overview: what the status says of each part, in words and tones.

use jiff::Timestamp;

use super::moment::{Moment, span};
use crate::api::{
    BreakGlassView, ClusterStatus, EnvironmentStatus, ExposureWatchState, ListenerStatus,
    ReplicaView, UpstreamState, UpstreamStatus,
};
use crate::oci::readable;

/// A certificate that ends within this is shown as a problem, in seconds.
const ENDS_SOON_SECONDS: i64 = 14 * 24 * 3600;
/// A registry that takes no more requests than this soon takes none.
const FEW_REQUESTS: i64 = 20;

/// An environment with the mode that holds there.
pub(super) struct EnvironmentRow {
    pub name: String,
    pub mode: &'static str,
    /// Until when, under which ticket and by whom, where the mode was set for some hours.
    pub set: Option<(Moment, String)>,
}

/// An image that is let through under a ticket.
pub(super) struct OverrideRow {
    pub image: String,
    pub digest: String,
    pub environment: String,
    pub told: String,
    pub until: Moment,
    /// The reasons for which it is denied all the same.
    pub still_denied: String,
}

/// How an upstream was last seen.
pub(super) struct UpstreamRow {
    pub name: String,
    pub state: &'static str,
    pub tone: &'static str,
    pub detail: Option<String>,
    /// How many requests it still takes, where it said so, and whether those are few.
    pub remaining: Option<(i64, bool)>,
}

/// Where nodes pull.
pub(super) struct ListenerRow {
    pub address: String,
    pub serves: String,
    pub tone: &'static str,
    pub certificate: String,
}

/// A cluster that asks the webhook.
pub(super) struct ClusterRow {
    pub name: String,
    pub serves: String,
    pub tone: &'static str,
    pub known: String,
}

/// A process that serves the same ledger.
pub(super) struct ReplicaRow {
    pub name: String,
    pub version: String,
    pub since: Moment,
    pub tone: &'static str,
    pub state: String,
    /// It is the one that answers.
    pub this: bool,
}

impl EnvironmentRow {
    pub fn new(environment: &EnvironmentStatus, now: Timestamp) -> Self {
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
    pub fn new(grant: &BreakGlassView, now: Timestamp) -> Self {
        let (ticket, by) = (readable(&grant.ticket, 60), &grant.granted_by);
        let image = grant.image.clone();
        Self {
            image: image.unwrap_or_else(|| grant.digest.to_string()),
            digest: grant.digest.to_string(),
            environment: grant.environment.to_string(),
            told: format!("{ticket} by {by}: {}", readable(&grant.reason, 200)),
            until: Moment::new(grant.until, now),
            still_denied: grant.denied_for(),
        }
    }
}

impl UpstreamRow {
    pub fn new(upstream: &UpstreamStatus) -> Self {
        let remaining = upstream.rate_limit_remaining;
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
            remaining: remaining.map(|left| (left, left <= FEW_REQUESTS)),
        }
    }
}

impl ListenerRow {
    pub fn new(listener: &ListenerStatus) -> Self {
        let (tone, certificate) = match listener.certificate_expires_in_s {
            None if listener.tls => ("unknown", "not known".to_owned()),
            None => ("dim", "no TLS".to_owned()),
            Some(left) if left <= 0 => ("bad", format!("ended {} ago", span(-left))),
            Some(left) if left < ENDS_SOON_SECONDS => ("warn", format!("ends in {}", span(left))),
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

impl ClusterRow {
    pub fn new(cluster: &ClusterStatus) -> Self {
        let state = cluster.ways;
        let detail = cluster.detail.as_ref().map(|it| format!(": {it}"));
        Self {
            name: cluster.name.clone(),
            serves: format!("{}, {}", cluster.environment, cluster.exposure),
            tone: match state {
                ExposureWatchState::Followed => "good",
                ExposureWatchState::Partly => "warn",
                ExposureWatchState::NotAsked => "unknown",
            },
            known: format!("{}{}", state.as_str(), detail.unwrap_or_default()),
        }
    }
}

impl ReplicaRow {
    pub fn new(replica: &ReplicaView, now: Timestamp) -> Self {
        let behind = replica.changes_behind;
        let (tone, state) = match (replica.live, behind) {
            (false, _) => {
                let silent = span(replica.seen_ago_s);
                ("bad", format!("silent for {silent}: it serves no more"))
            }
            (true, 0) => ("good", "serves".to_owned()),
            (true, _) => ("warn", format!("serves, {behind} change(s) behind")),
        };
        Self {
            name: readable(&replica.name, 100),
            version: readable(&replica.version, 40),
            since: Moment::new(replica.started_at, now),
            tone,
            state,
            this: replica.this,
        }
    }
}
