//! What scrapers see of how things stand: looked at from time to time, never on the path of
//! a request.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::exposures::exposures_of_pulls;
use super::free_bytes::free_bytes;
use super::{Components, in_use};
use crate::api::PolicyEntryState;
use crate::gate::{ExposureInput, ForecastCause, LookAhead, Outlook};
use crate::metrics::{
    DenialCause, DeniedSoonLabels, Disk, DiskLabels, EnvironmentLabels, ExceptionLabels,
    ExceptionState, ModeLabels, UpstreamLabels,
};
use crate::trust::{Environment, EnvironmentName, Mode};
use crate::upstream::UpstreamCondition;

/// How far ahead denials are foreseen.
const FORECAST_HORIZON: SignedDuration = SignedDuration::from_hours(24);

pub(super) async fn gauges_once(parts: Arc<Components>, now: Timestamp) {
    set_cache(&parts);
    set_disks(&parts).await;
    if let Some(bytes) = resident_bytes() {
        parts
            .metrics
            .condition
            .resident_memory_bytes
            .set(signed(bytes));
    }
    set_upstreams(&parts);
    set_exceptions(&parts, now);
    let granted = parts.ledger.index().active_break_glass(now).len();
    parts.metrics.break_glass.set(signed(granted as u64));
    let silent = parts.ledger.confirmed_age(now).as_secs();
    parts.metrics.condition.ledger_silent_seconds.set(silent);
    for environment in parts.gate.rulebook().environments() {
        set_mode(&parts, environment, now);
    }
    if let Err(error) = in_use::show_once(&parts).await {
        tracing::error!(%error, "what is in use is not shown");
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn set_cache(parts: &Components) {
    let (stats, metrics) = (parts.cache.stats(), &parts.metrics);
    metrics.cache_bytes.set(signed(stats.bytes));
    metrics.fill_waiters.set(signed(stats.fill_waiters));
    let condition = &metrics.condition;
    condition
        .cache_max_bytes
        .set(signed(parts.config.cache.max_size));
    condition
        .content_memory_bytes
        .set(signed(stats.memory_bytes));
    let evicted = &condition.cache_evicted_bytes;
    evicted.inc_by(stats.evicted_bytes.saturating_sub(evicted.get()));
    let damaged = &condition.cache_damaged_files;
    damaged.inc_by(stats.damaged_files.saturating_sub(damaged.get()));
}

/// `None`: the system does not tell.
fn resident_bytes() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/self/status").ok()?;
    let resident = told.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = resident.trim().strip_suffix(" kB")?.parse().ok()?;
    kib.checked_mul(1 << 10)
}

/// In the blocking pool: a disk may hang.
async fn set_disks(parts: &Components) {
    for (disk, path) in [
        (Disk::Cache, &parts.config.cache.path),
        (Disk::Data, &parts.config.data_dir),
    ] {
        let path = path.clone();
        let free = tokio::task::spawn_blocking(move || free_on(&path)).await;
        if let Some(free) = free.ok().flatten() {
            let gauge = &parts.metrics.condition.disk_free_bytes;
            gauge.get_or_create(&DiskLabels { disk }).set(free);
        }
    }
}

fn free_on(path: &Path) -> Option<i64> {
    free_bytes(path).map(signed)
}

fn set_upstreams(parts: &Components) {
    for reachable in parts.gate.upstreams() {
        let is_up = match reachable.upstream.condition(Instant::now()) {
            UpstreamCondition::Unknown => continue,
            UpstreamCondition::Up => true,
            UpstreamCondition::Failing(_) | UpstreamCondition::CoolingDown(..) => false,
        };
        let labels = UpstreamLabels {
            upstream: reachable.host.as_str().into(),
        };
        let gauge = &parts.metrics.condition.upstream_up;
        gauge.get_or_create(&labels).set(i64::from(is_up));
    }
}

fn set_mode(parts: &Components, environment: &Environment, now: Timestamp) {
    let set = parts.ledger.index().timed_mode(&environment.name);
    let set = set.filter(|set| set.holds(now)).map(|set| set.mode);
    let named: Arc<str> = environment.name.as_str().into();
    let in_force = set.unwrap_or(environment.settings.mode);
    for mode in Mode::ALL {
        let environment = named.clone();
        let labels = ModeLabels { environment, mode };
        let gauge = parts.metrics.mode.get_or_create(&labels);
        gauge.set(i64::from(in_force == mode));
    }
    let labels = EnvironmentLabels { environment: named };
    let overridden = &parts.metrics.condition.mode_overridden;
    let gauge = overridden.get_or_create(&labels);
    gauge.set(i64::from(set.is_some()));
}

fn set_exceptions(parts: &Components, now: Timestamp) {
    let rulebook = parts.gate.rulebook();
    for state in PolicyEntryState::ALL {
        let exceptions = rulebook.exceptions().iter();
        let counted = exceptions.filter(|it| PolicyEntryState::of_exception(it, now) == state);
        let labels = ExceptionLabels {
            state: shown(state),
        };
        let gauge = parts.metrics.exceptions.get_or_create(&labels);
        gauge.set(i64::try_from(counted.count()).unwrap_or(i64::MAX));
    }
}

fn shown(state: PolicyEntryState) -> ExceptionState {
    match state {
        PolicyEntryState::Active => ExceptionState::Active,
        PolicyEntryState::Expiring => ExceptionState::Expiring,
        PolicyEntryState::Expired => ExceptionState::Expired,
    }
}

/// Counts what is let in now and will be denied within a day.
pub(super) async fn foresee_once(parts: Arc<Components>, now: Timestamp) {
    parts.ledger.is_loaded_soon().await;
    let subjects = match parts.gate.forecasts().in_use(now, &|_, _| true).await {
        Ok(subjects) => subjects,
        Err(error) => return tracing::error!(%error, "what is in use cannot be foreseen"),
    };
    let rulebook = parts.gate.rulebook();
    let ahead = LookAhead {
        rulebook: &rulebook,
        now,
        within: FORECAST_HORIZON,
    };
    let exposures = exposures_of_pulls(&parts);
    let mut counts: BTreeMap<(EnvironmentName, &str), (DenialCause, i64)> = BTreeMap::new();
    for subject in subjects {
        let exposure = exposures.get(&subject.environment).copied();
        let exposure = ExposureInput::Listener(exposure.unwrap_or_default());
        let outlook = parts.gate.forecasts().outlook(&ahead, &subject, exposure);
        if let Outlook::Denied(denied) = outlook.await
            && let Some(cause) = cause(denied.cause)
        {
            let of = (subject.environment, cause.as_str());
            counts.entry(of).or_insert((cause, 0)).1 += 1;
        }
        tokio::task::yield_now().await;
    }
    let labelled = counts
        .into_iter()
        .map(|((environment, _), (cause, count))| {
            let environment = environment.as_str().into();
            (DeniedSoonLabels { environment, cause }, count)
        });
    parts.metrics.condition.denied_soon.replace(labelled);
}

/// Another replica counts it.
pub(super) fn foresee_nothing(parts: &Components) {
    parts.metrics.condition.denied_soon.replace([]);
}

/// `None`: it is denied already.
fn cause(cause: ForecastCause) -> Option<DenialCause> {
    Some(match cause {
        ForecastCause::Now => return None,
        ForecastCause::ScanStale => DenialCause::ScanStale,
        ForecastCause::Grace => DenialCause::Grace,
        ForecastCause::Exception => DenialCause::Exception,
        ForecastCause::Advisory => DenialCause::Advisory,
        ForecastCause::Vouching => DenialCause::Vouching,
        ForecastCause::BreakGlass => DenialCause::BreakGlass,
        ForecastCause::Mode => DenialCause::Mode,
        ForecastCause::Other => DenialCause::Other,
    })
}
