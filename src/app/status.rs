//! Builds the status for `sekisho status`.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::Components;
use super::denied_before;
use super::free_bytes::free_bytes;
use super::status_problems::problems;
use crate::admin::StatusSource;
use crate::api::{
    AuditStatus, CacheStatus, EnvironmentStatus, LedgerStatus, ListenerStatus, NotifyTargetStatus,
    PRODUCT, PolicyEntryState, ReasonCount, RemoteTierStatus, Status, UpstreamState,
    UpstreamStatus,
};
use crate::cache::RemoteTier;
use crate::metrics::{Metrics, UpstreamLabels};
use crate::notify::{Notifier, TargetCondition};
use crate::storage_fault::StorageFault;
use crate::trust::Rulebook;
use crate::upstream::UpstreamCondition;

/// Warnings of folders of policy that are listed, at most.
const MAX_WARNINGS_SHOWN: usize = 20;

/// What a status is made from.
pub(super) struct StatusInputs {
    parts: Weak<Components>,
    registries: Vec<SocketAddr>,
    notifier: Option<Arc<Notifier>>,
}

impl StatusInputs {
    pub(super) fn new(parts: &Arc<Components>, registries: &[SocketAddr]) -> Self {
        Self {
            parts: Arc::downgrade(parts),
            registries: registries.to_vec(),
            notifier: None,
        }
    }

    pub(super) fn telling(self, notifier: Arc<Notifier>) -> Self {
        Self {
            notifier: Some(notifier),
            ..self
        }
    }

    pub(super) fn source(self) -> StatusSource {
        Arc::new(move |now| {
            let parts = self.parts.upgrade()?;
            let notifications = self.notifier.as_deref().map(notifications);
            Some(Status {
                notifications: notifications.unwrap_or_default(),
                ..status(&parts, &self.registries, now)
            })
        })
    }
}

fn status(parts: &Components, registries: &[SocketAddr], now: Timestamp) -> Status {
    let rulebook = parts.gate.rulebook();
    let index = parts.ledger.index();
    let environment = |environment: &crate::trust::Environment| {
        let set = index.timed_mode(&environment.name);
        let set = set.filter(|set| set.holds(now));
        EnvironmentStatus {
            name: environment.name.clone(),
            mode: set
                .as_ref()
                .map_or(environment.settings.mode, |set| set.mode),
            set: set.map(Into::into),
        }
    };
    let break_glass = index.active_break_glass(now);
    let upstreams: Vec<UpstreamStatus> = {
        let upstreams = parts.gate.upstreams();
        upstreams.map(|it| upstream(it, &parts.metrics)).collect()
    };
    let problems = problems(parts, &upstreams, now);
    Status {
        product: PRODUCT.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        policy_revision: format!("{:016x}", rulebook.revision()),
        environments: rulebook.environments().map(environment).collect(),
        break_glass: break_glass.into_iter().map(Into::into).collect(),
        listeners: listeners(parts, registries, now),
        clusters: parts.clusters.status(&parts.config),
        upstreams,
        ledger: ledger(parts, now),
        audit: audit(parts),
        cache: cache(parts, now),
        notifications: Vec::new(),
        replicas: parts.replicas.known(),
        top_reasons: top_reasons(parts),
        counted_since: denied_before::counted_since(parts).filter(|at| *at > hour_before(now)),
        running_denied: parts.running_denied.now(),
        warnings: warnings(parts, &problems, &rulebook, now),
        problems,
    }
}

fn notifications(notifier: &Notifier) -> Vec<NotifyTargetStatus> {
    let shown = |(name, condition): (String, TargetCondition)| {
        let (last_at, outcome) = condition.last.unzip();
        let (status, error) = match outcome {
            Some(Ok(status)) => (Some(status), None),
            Some(Err(error)) => (None, Some(error.to_string())),
            None => (None, None),
        };
        NotifyTargetStatus {
            name,
            waiting: condition.waiting,
            last_at,
            status,
            error,
        }
    };
    notifier.conditions().into_iter().map(shown).collect()
}

fn listeners(parts: &Components, registries: &[SocketAddr], now: Timestamp) -> Vec<ListenerStatus> {
    let expiry = |address| {
        let not_after = parts.certificates.not_after(address)?;
        Some(not_after.duration_since(now).as_secs())
    };
    let configured = parts.config.listeners.iter();
    configured
        .zip(registries)
        .map(|(listener, address)| ListenerStatus {
            address: address.to_string(),
            environment: listener.environment.clone(),
            exposure: listener.exposure,
            tls: listener.tls.is_some(),
            auth: listener.auth.as_str().to_owned(),
            certificate_expires_in_s: expiry(*address),
        })
        .collect()
}

fn upstream(reachable: &crate::gate::ConfiguredUpstream, metrics: &Metrics) -> UpstreamStatus {
    let (state, failure, rest) = match reachable.upstream.condition(Instant::now()) {
        UpstreamCondition::Unknown => (UpstreamState::Unknown, None, None),
        UpstreamCondition::Up => (UpstreamState::Up, None, None),
        UpstreamCondition::Failing(failure) => (UpstreamState::BackingOff, Some(failure), None),
        UpstreamCondition::CoolingDown(rest, failure) => (UpstreamState::Down, failure, Some(rest)),
    };
    let seen = failure.as_ref().map(|failure| {
        let (age, error) = (failure.age.as_secs(), &failure.error);
        format!("{age} s ago: {error}; {}", error.next_step_at_status())
    });
    let rest = rest.map(|rest| format!("asked again in {} s", rest.as_secs() + 1));
    let told: Vec<String> = rest.into_iter().chain(seen).collect();
    let labels = UpstreamLabels {
        upstream: Arc::from(reachable.host.as_str()),
    };
    let remaining = metrics.upstream_rate_limit_remaining.get(&labels);
    UpstreamStatus {
        rate_limit_remaining: remaining.map(|gauge| gauge.get()),
        name: reachable.host.clone(),
        state,
        cause: failure
            .and_then(|failure| failure.error.cause())
            .map(|cause| cause.as_str().to_owned()),
        detail: (!told.is_empty()).then(|| told.join("; ")),
    }
}

fn ledger(parts: &Components, now: Timestamp) -> LedgerStatus {
    let index = parts.ledger.index();
    LedgerStatus {
        seq: index.seq(),
        age_s: parts.ledger.confirmed_age(now).as_secs(),
        lag_ms: parts.ledger.last_lag().map(milliseconds),
        loaded: index.is_complete(),
        problem: ledger_fault(parts).map(|fault| fault.to_string()),
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn audit(parts: &Components) -> AuditStatus {
    let log = parts.records.log();
    AuditStatus {
        waiting: log.waiting,
        unindexed: parts.records.index().waiting,
        problem: log.fault.map(|fault| fault.to_string()),
    }
}

fn ledger_fault(parts: &Components) -> Option<StorageFault> {
    let unwritten = || parts.ledger.write_failure().map(|it| it.fault);
    parts.ledger.read_fault().or_else(unwritten)
}

fn cache(parts: &Components, now: Timestamp) -> CacheStatus {
    let stats = parts.cache.stats();
    CacheStatus {
        bytes: stats.bytes,
        max_bytes: parts.config.cache.max_size,
        free_bytes: free_bytes(&parts.config.cache.path),
        remote: parts.cache.remote().map(|remote| remote_tier(remote, now)),
    }
}

fn remote_tier(remote: &RemoteTier, now: Timestamp) -> RemoteTierStatus {
    let condition = remote.condition(now);
    RemoteTierStatus {
        problem: condition.problem(),
        url: condition.url,
        waiting: condition.waiting,
        lag_s: condition.lag_s,
    }
}

fn hour_before(now: Timestamp) -> Timestamp {
    let hour = SignedDuration::from_hours(1);
    now.checked_sub(hour).unwrap_or(Timestamp::MIN)
}

fn top_reasons(parts: &Components) -> Vec<ReasonCount> {
    let mut counts: Vec<ReasonCount> = parts
        .gate
        .recorder()
        .denied_images()
        .into_iter()
        .map(|((environment, reason), images)| ReasonCount {
            environment,
            reason,
            images: images.unsigned_abs(),
        })
        .collect();
    counts.sort_by_key(|count| std::cmp::Reverse(count.images));
    counts
}

/// Problems first.
fn warnings(
    parts: &Components,
    problems: &[String],
    rulebook: &Rulebook,
    now: Timestamp,
) -> Vec<String> {
    let policy = parts.policy_warnings.now();
    let policy = policy.iter().take(MAX_WARNINGS_SHOWN);
    problems
        .iter()
        .cloned()
        .chain(policy.map(ToString::to_string))
        .chain(ends(rulebook, now))
        .chain(authority(parts))
        .collect()
}

/// Another CA that is about to sign.
fn authority(parts: &Components) -> Vec<String> {
    let Some(manager) = &parts.authority else {
        return Vec::new();
    };
    let change = manager.changes_at().map(|at| {
        format!(
            "another CA signs our certificates from {at} on; give nodes and clients the bundle \
             before, with sekisho node-config"
        )
    });
    change.into_iter().collect()
}

/// Exceptions that end soon, or have ended.
fn ends(rulebook: &Rulebook, now: Timestamp) -> Option<String> {
    let count = |wanted| {
        let states = rulebook.exceptions().iter();
        states
            .filter(|it| PolicyEntryState::of_exception(it, now) == wanted)
            .count()
    };
    let (soon, ended) = (
        count(PolicyEntryState::Expiring),
        count(PolicyEntryState::Expired),
    );
    (soon + ended > 0).then(|| {
        format!(
            "of the exceptions {soon} will end soon, and {ended} ended; sekisho exceptions list \
             shows them"
        )
    })
}
