//! Background loops: each calls one `…_once`.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::audit_seal::seal_once;
use super::long_period::{LOOK_PERIOD, LongPeriod};
use super::{Components, credential_watch, gauges, in_use, leases, remote_watch, watch};
use crate::gate::ActsNotLogged;
use crate::metrics::{RecordStore, RecordStoreLabels, SharedWork};
use crate::tasks::Tasks;

/// Other processes' writes are followed within a second.
const FOLLOW_PERIOD: Duration = Duration::from_millis(250);
/// After a failure, the ledger goes on being loaded within this.
const LOAD_PERIOD: Duration = Duration::from_secs(1);
/// Word of many writes is heeded once in this time.
const TOLD_PERIOD: Duration = Duration::from_millis(10);
/// How long one look waits for word of a write; a shutdown may wait as long.
const TOLD_WITHIN: Duration = Duration::from_secs(1);
/// A store that cannot be written is tried again, and shown to fail, within this.
const STORES_PERIOD: Duration = Duration::from_secs(1);
const CLOSE_DENIALS_PERIOD: Duration = Duration::from_secs(5);
const SEAL_PERIOD: Duration = Duration::from_secs(10);
const WRITE_FACTS_PERIOD: Duration = Duration::from_secs(5);
const TOUCH_PERIOD: Duration = Duration::from_secs(10);
const GAUGES_PERIOD: Duration = Duration::from_secs(5);
/// The forecast judges everything that is in use.
const FORESEEN_PERIOD: SignedDuration = SignedDuration::from_hours(1);
/// What is in use is looked at again within this, in rounds of a second.
const REJUDGE_PERIOD: Duration = Duration::from_secs(1);
/// What is spoken against and not known is asked for within this.
const UNREAD_PERIOD: Duration = Duration::from_secs(1);
/// Agents on nodes are told of what changed within this.
const NODES_PERIOD: Duration = Duration::from_millis(100);
/// What agents told other replicas is known here within this.
const RUNNING_NODES_PERIOD: Duration = Duration::from_secs(5);
/// The minutes of what people are shown are told apart by this.
const ACTIVITY_PERIOD: Duration = Duration::from_secs(20);
const PRUNE_PERIOD: SignedDuration = SignedDuration::from_hours(1);
/// The list of all images begins to be read within this after somebody opened a page.
const CATALOGUE_PERIOD: Duration = Duration::from_millis(250);
/// How often what was stored before something was said of SHA-512 is looked for.
const OTHER_DIGESTS_PERIOD: Duration = Duration::from_secs(10);
/// Replicas see each other's steps within this.
const AUTHORITY_PERIOD: Duration = Duration::from_secs(10);
/// Decisions are kept in the ledger for this long; the audit log has them all.
const DECISIONS_KEPT_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Changes kept for readers that lag behind.
const CHANGES_KEPT: u64 = 100_000;

/// Starts every loop.
pub(super) fn spawn(parts: &Arc<Components>, tasks: &Tasks) {
    every(parts, tasks, "load", LOAD_PERIOD, load_once);
    every(parts, tasks, "follow", FOLLOW_PERIOD, follow_once);
    if parts.ledger.is_told() {
        every(parts, tasks, "told", TOLD_PERIOD, follow_if_told);
    }
    every(parts, tasks, "acts", STORES_PERIOD, log_acts_once);
    every(parts, tasks, "hang", STORES_PERIOD, hang_once);
    every(parts, tasks, "stores", STORES_PERIOD, stores_once);
    every(
        parts,
        tasks,
        "denials",
        CLOSE_DENIALS_PERIOD,
        close_denials_once,
    );
    every(parts, tasks, "seal", SEAL_PERIOD, seal_once);
    every(parts, tasks, "facts", WRITE_FACTS_PERIOD, write_facts_once);
    every(parts, tasks, "touch", TOUCH_PERIOD, touch_once);
    every(parts, tasks, "gauges", GAUGES_PERIOD, gauges::gauges_once);
    every(parts, tasks, "activity", ACTIVITY_PERIOD, activity_once);
    spawn_catalogue(parts, tasks);
    every(
        parts,
        tasks,
        "other digests",
        OTHER_DIGESTS_PERIOD,
        other_digests_once,
    );
    every(parts, tasks, "authority", AUTHORITY_PERIOD, authority_once);
    every(
        parts,
        tasks,
        "rejudge",
        REJUDGE_PERIOD,
        in_use::rejudge_once,
    );
    every(parts, tasks, "unread", UNREAD_PERIOD, unread_once);
    every(parts, tasks, "nodes", NODES_PERIOD, nodes_once);
    every(
        parts,
        tasks,
        "running nodes",
        RUNNING_NODES_PERIOD,
        running_nodes_once,
    );
    spawn_seldom(parts, tasks);
    let (feed, stopped) = (parts.feed.clone(), tasks.cancelled());
    tasks.spawn("feed", async move { feed.run(stopped).await });
    every(parts, tasks, "replicas", leases::PERIOD, replicas_once);
    watch::spawn(parts, tasks);
    credential_watch::spawn(parts, tasks);
    remote_watch::spawn(parts, tasks);
}

/// What one replica does, each hour.
fn spawn_seldom(parts: &Arc<Components>, tasks: &Tasks) {
    let (foreseen, pruned) = (parts.clone(), parts.clone());
    let (foreseeing, pruning) = (
        LongPeriod::of(FORESEEN_PERIOD),
        LongPeriod::of(PRUNE_PERIOD),
    );
    tasks.every("foreseen", LOOK_PERIOD, move |now| {
        let parts = foreseen.clone();
        let is_ours = parts.leases.held(SharedWork::Rejudging);
        let begins = foreseeing.begins(is_ours, now);
        async move {
            match (is_ours, begins) {
                (true, true) => gauges::foresee_once(parts, now).await,
                (true, false) => {}
                // The replica that judges again tells of it.
                (false, _) => gauges::foresee_nothing(&parts),
            }
        }
    });
    tasks.every("prune", LOOK_PERIOD, move |now| {
        let parts = pruned.clone();
        let begins = pruning.begins(parts.leases.held(SharedWork::Pruning), now);
        async move {
            if begins {
                prune_once(parts, now).await;
            }
        }
    });
}

fn every<F, Fut>(
    parts: &Arc<Components>,
    tasks: &Tasks,
    name: &'static str,
    period: Duration,
    once: F,
) where
    F: Fn(Arc<Components>, Timestamp) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let parts = parts.clone();
    tasks.every(name, period, move |now| once(parts.clone(), now));
}

/// Brings the rest of a large ledger into memory.
async fn load_once(parts: Arc<Components>, _: Timestamp) {
    if let Err(error) = parts.ledger.load_once().await {
        tracing::error!(%error, "the ledger cannot be loaded; trying again");
    }
}

async fn follow_once(parts: Arc<Components>, now: Timestamp) {
    if let Err(error) = parts.ledger.follow_once(now).await {
        tracing::error!(%error, "the ledger cannot be followed");
    }
}

/// Follows at once what the database tells of.
async fn follow_if_told(parts: Arc<Components>, _: Timestamp) {
    if parts.ledger.told_within(TOLD_WITHIN).await {
        let now = parts.gate.now();
        follow_once(parts, now).await;
    }
}

/// Reads indexes that are revoked or blocked, and that nobody asked for.
async fn unread_once(parts: Arc<Components>, now: Timestamp) {
    let rulebook = parts.gate.rulebook();
    let everywhere = parts.leases.held(SharedWork::Rejudging);
    let unread = parts.gate.inspector().unread();
    unread.once(&rulebook, everywhere, now).await;
}

/// Looks for what agents on nodes should know.
async fn nodes_once(parts: Arc<Components>, _: Timestamp) {
    if let Some(nodes) = &parts.nodes {
        nodes.once().await;
    }
}

/// Brings into memory what agents told.
async fn running_nodes_once(parts: Arc<Components>, now: Timestamp) {
    if parts.nodes.is_none() {
        return;
    }
    let (ledger, metrics) = (&parts.ledger, &parts.metrics);
    let followed = parts.running_nodes.follow_once(ledger, metrics, now);
    if let Err(error) = followed.await {
        tracing::error!(%error, "what runs on nodes is not known anew");
    }
}

/// Tells the others of this replica, and takes the work that nobody does.
async fn replicas_once(parts: Arc<Components>, now: Timestamp) {
    if let Err(error) = parts.replicas.once(now).await {
        tracing::warn!(%error, "the other replicas are not known anew");
    }
    if let Err(error) = parts.leases.once(now).await {
        tracing::warn!(%error, "shared work cannot be taken or held for longer");
    }
}

async fn activity_once(parts: Arc<Components>, now: Timestamp) {
    parts.activity.sample_once(now);
}

async fn log_acts_once(parts: Arc<Components>, _: Timestamp) {
    let logs = parts.leases.held(SharedWork::Acts);
    let logged = parts.acts.write_once(logs).await;
    let fault = logged.as_ref().err().and_then(ActsNotLogged::log_fault);
    parts.records.see_acts(fault);
    if let Err(error) = logged {
        tracing::error!(%error, "acts are not recorded yet; trying again");
    }
}

/// Apart from what asks the stores: that may hang on the same file system.
async fn hang_once(parts: Arc<Components>, _: Timestamp) {
    let (hung, hangs) = (parts.records.hangs(), parts.audit.hangs());
    if hangs && !hung {
        tracing::error!("the audit log neither takes nor refuses what is written to it");
    }
    parts.records.see_hang(hangs);
}

async fn stores_once(parts: Arc<Components>, _: Timestamp) {
    parts.ledger.probe_once().await;
    parts.cache.probe_once().await;
    let unread = parts.ledger.read_fault().is_some();
    let ledger = unread || parts.ledger.write_failure().is_some();
    let audit = parts.records.log().fault.is_some();
    for (store, failing) in [(RecordStore::Ledger, ledger), (RecordStore::Audit, audit)] {
        let gauge = &parts.metrics.store_failing;
        let gauge = gauge.get_or_create_owned(&RecordStoreLabels { store });
        gauge.set(i64::from(failing));
    }
}

async fn close_denials_once(parts: Arc<Components>, now: Timestamp) {
    parts.gate.recorder().close_once(now).await;
}

async fn write_facts_once(parts: Arc<Components>, _: Timestamp) {
    parts.aliases.retry_once().await;
    parts.gate.write_facts_once().await;
}

/// Hashes what was stored before anything was said of SHA-512.
async fn other_digests_once(parts: Arc<Components>, now: Timestamp) {
    if !parts.aliases.is_sha512_spoken_of() {
        return;
    }
    let learned = parts.cache.learn_other_digests_once(now).await;
    if learned > 0 {
        tracing::info!(blobs = learned, "stored blobs were hashed under SHA-512");
    }
}

/// A million images take half a minute to read, for which no shutdown waits.
fn spawn_catalogue(parts: &Arc<Components>, tasks: &Tasks) {
    let (parts, all) = (parts.clone(), tasks.clone());
    tasks.every("catalogue", CATALOGUE_PERIOD, move |now| {
        let (read, stopped) = (catalogue_once(parts.clone(), now), all.cancelled());
        async move {
            tokio::select! {
                () = stopped => {}
                () = read => {}
            }
        }
    });
}

async fn catalogue_once(parts: Arc<Components>, now: Timestamp) {
    if let Err(error) = parts.ledger.refresh_catalogue_once(now).await {
        tracing::error!(%error, "the list of images cannot be read");
    }
}

async fn authority_once(parts: Arc<Components>, now: Timestamp) {
    if let Some(manager) = &parts.authority {
        manager.once(now).await;
    }
}

async fn touch_once(parts: Arc<Components>, now: Timestamp) {
    let pulled_since = now.checked_sub(TOUCH_PERIOD * 2).unwrap_or(Timestamp::MIN);
    parts.gate.touch_pulled_once(pulled_since, now);
}

async fn prune_once(parts: Arc<Components>, now: Timestamp) {
    let before = now
        .checked_sub(DECISIONS_KEPT_FOR)
        .unwrap_or(Timestamp::MIN);
    let pruned = async {
        parts.ledger.prune_decisions(before).await?;
        parts.ledger.forget_nodes(now).await?;
        parts.ledger.prune_changes(CHANGES_KEPT).await
    };
    if let Err(error) = pruned.await {
        tracing::error!(%error, "old records not pruned");
    }
}
