//! What goes on behind the remote tier: it is given other credentials when their file
//! changes, asked whether it answers again, and pruned.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use super::config::{RemoteConfig, RemoteCredentials};
use super::long_period::{LOOK_PERIOD, LongPeriod};
use super::{Components, bounded};
use crate::cache::{BlobStore, PruneBounds, RemoteOptions, RemoteTier};
use crate::metrics::{Metrics, RemoteFailingLabels, RemoteUse, SharedWork};
use crate::tasks::Tasks;

const PROBE_PERIOD: Duration = Duration::from_secs(1);
const WATCH_PERIOD: Duration = Duration::from_secs(1);
/// Ages are in days.
const PRUNE_PERIOD: SignedDuration = SignedDuration::from_hours(6);

/// Starts what goes on behind it.
pub(super) fn spawn(parts: &Arc<Components>, tasks: &Tasks) {
    let configured = parts.config.cache.remote.clone();
    let (Some(tier), Some(config)) = (parts.cache.remote().cloned(), configured) else {
        return;
    };
    probe(&tier, parts, tasks);
    if let Some(file) = config.credentials.clone() {
        follow(&tier, (config.clone(), file), parts, tasks);
    }
    if config.bounds != PruneBounds::default() {
        prune(&tier, config.bounds, parts, tasks);
    }
}

fn probe(tier: &Arc<RemoteTier>, parts: &Arc<Components>, tasks: &Tasks) {
    let (tier, metrics) = (tier.clone(), parts.metrics.clone());
    let mut is_first = true;
    tasks.every("remote probe", PROBE_PERIOD, move |now| {
        let (tier, metrics) = (tier.clone(), metrics.clone());
        let first = std::mem::replace(&mut is_first, false);
        async move {
            tier.probe_once(first).await;
            set_gauges(&tier, &metrics, now);
        }
    });
}

fn set_gauges(tier: &RemoteTier, metrics: &Metrics, now: Timestamp) {
    let condition = tier.condition(now);
    let waiting = i64::try_from(condition.waiting).unwrap_or(i64::MAX);
    metrics.remote.waiting.set(waiting);
    metrics.remote.lag_seconds.set(condition.lag_s);
    for operation in [RemoteUse::Read, RemoteUse::Write] {
        let failing = condition.fails(operation);
        let labels = RemoteFailingLabels { operation };
        let gauge = metrics.remote.failing.get_or_create(&labels);
        gauge.set(i64::from(failing));
    }
}

/// Reads the file of credentials once a second.
fn follow(
    tier: &Arc<RemoteTier>,
    (config, file): (RemoteConfig, RemoteCredentials),
    parts: &Arc<Components>,
    tasks: &Tasks,
) {
    let (tier, parts) = (tier.clone(), parts.clone());
    let shown = Arc::new(Mutex::new(config.options));
    tasks.every("remote credentials", WATCH_PERIOD, move |_| {
        let (tier, parts) = (tier.clone(), parts.clone());
        let (file, shown) = (file.clone(), shown.clone());
        async move {
            let look = move || follow_once(&tier, &file, &shown, &parts);
            // Files lie on disks that may be slow.
            let _done = tokio::task::spawn_blocking(look).await;
        }
    });
}

/// Takes what the file holds now; the same as before changes nothing.
fn follow_once(
    tier: &RemoteTier,
    credentials: &RemoteCredentials,
    shown: &Mutex<RemoteOptions>,
    parts: &Components,
) {
    let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
    let taken = take(tier, credentials, &mut shown);
    let why = taken.err();
    if parts.remote_credentials.note(why.clone())
        && let Some(why) = why
    {
        tracing::error!(
            why,
            "credentials of the remote tier are not in force; the last good ones hold"
        );
    }
}

fn take(
    tier: &RemoteTier,
    credentials: &RemoteCredentials,
    shown: &mut RemoteOptions,
) -> Result<(), String> {
    let file = &credentials.file;
    let text = bounded::text(file).map_err(|error| format!("{} {error}", file.display()))?;
    let same = |before: &SecretString| before.expose_secret() == text;
    if shown.credentials.as_ref().is_some_and(same) {
        return Ok(());
    }
    let options = RemoteOptions {
        credentials: Some(text.into()),
        ..shown.clone()
    };
    let store = BlobStore::connect(&options).map_err(|error| error.to_string())?;
    tier.replace(store);
    *shown = options;
    tracing::info!(file.path = %file.display(), "the remote tier has other credentials");
    Ok(())
}

fn prune(tier: &Arc<RemoteTier>, bounds: PruneBounds, parts: &Arc<Components>, tasks: &Tasks) {
    let (tier, parts, tasks_of) = (tier.clone(), parts.clone(), tasks.clone());
    let pruning = LongPeriod::of(PRUNE_PERIOD);
    tasks.every("remote prune", LOOK_PERIOD, move |now| {
        let (tier, parts, tasks) = (tier.clone(), parts.clone(), tasks_of.clone());
        let begins = pruning.begins(parts.leases.held(SharedWork::Pruning), now);
        async move {
            if !begins {
                return;
            }
            // It may take long, and can be broken off anywhere.
            tokio::select! {
                () = tasks.cancelled() => {}
                () = prune_once(&tier, bounds, &parts.metrics, now) => {}
            }
        }
    });
}

async fn prune_once(tier: &RemoteTier, bounds: PruneBounds, metrics: &Metrics, now: Timestamp) {
    match tier.prune_once(bounds, now).await {
        Ok(pruned) if pruned.objects == 0 => {}
        Ok(pruned) => {
            metrics.remote.pruned_bytes.inc_by(pruned.bytes);
            let (objects, bytes) = (pruned.objects, pruned.bytes);
            tracing::info!(
                objects,
                bytes,
                "pruned the remote tier of what was not pulled for long"
            );
        }
        Err(error) => tracing::warn!(%error, "the remote tier could not be pruned"),
    }
}
