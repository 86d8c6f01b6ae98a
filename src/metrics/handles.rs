//! Handles resolved at construction, and the page that scrapers read.

use std::hash::Hash;
use std::sync::Arc;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::condition_handles::ConditionMetrics;
use super::meaning;
use super::node_handles::NodeMetrics;
use super::registration::MetricRegistration;
use super::remote_handles::RemoteMetrics;
use super::replica_handles::ReplicaMetrics;
use super::watch_handles::WatchMetrics;
use super::{
    AdmissionLabels, CacheLabels, DecisionLabels, DeniedLabels, ExceptionLabels, LedgerLabels,
    ListenerLabels, ModeLabels, PodsRaisedLabels, PolicyFileLabels, PullLabels, RecordStoreLabels,
    UpstreamFailureLabels, UpstreamLabels, UpstreamRequestLabels, WebhookArmedLabels,
};

/// The handles, and the registry that prints them. Cloning shares both. What each
/// metric means stands in `meaning.rs`, from where it goes to scrapers and to
/// `docs/metrics.md`.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    pub decisions: Family<DecisionLabels, Counter>,
    pub decisions_collapsed: Counter,
    pub decisions_waiting: Family<RecordStoreLabels, Gauge>,
    pub decisions_unindexed: Counter,
    pub store_failing: Family<RecordStoreLabels, Gauge>,
    pub denied_images: Family<DeniedLabels, Gauge>,
    /// Of the live feed, and of what is in use.
    pub watch: WatchMetrics,
    /// Of agents on nodes.
    pub nodes: NodeMetrics,
    pub replicas: ReplicaMetrics,
    pub condition: ConditionMetrics,
    pub decision_seconds: Histogram,
    pub pods_raised: Family<PodsRaisedLabels, Counter>,
    pub webhook_armed: Family<WebhookArmedLabels, Gauge>,
    pub admission_seconds: Family<AdmissionLabels, Histogram>,
    pub pull_ttfb_seconds: Family<PullLabels, Histogram>,
    pub cache_requests: Family<CacheLabels, Counter>,
    pub break_glass: Gauge,
    pub cache_bytes: Gauge,
    pub fill_waiters: Gauge,
    pub remote: RemoteMetrics,
    pub upstream_requests: Family<UpstreamRequestLabels, Counter>,
    pub upstream_failures: Family<UpstreamFailureLabels, Counter>,
    pub upstream_seconds: Histogram,
    pub upstream_rate_limit_remaining: Family<UpstreamLabels, Gauge>,
    pub stale_tags: Family<UpstreamLabels, Counter>,
    pub certificate_expiry_seconds: Family<ListenerLabels, Gauge>,
    pub mode: Family<ModeLabels, Gauge>,
    pub ledger: LedgerMetrics,
    pub exceptions: Family<ExceptionLabels, Gauge>,
    pub policy_files_invalid: Family<PolicyFileLabels, Gauge>,
}

/// Of the trust records.
#[derive(Clone)]
pub struct LedgerMetrics {
    pub seconds: Family<LedgerLabels, Histogram>,
    pub lag_seconds: Histogram,
}

impl LedgerMetrics {
    fn register(to: &mut MetricRegistration) -> Self {
        let verbs = family(point_reads);
        Self {
            seconds: to.add_made("ledger_seconds", meaning::LEDGER_SECONDS, verbs),
            lag_seconds: to.add_made("ledger_lag_seconds", meaning::LEDGER_LAG, round_trips()),
        }
    }
}

impl Metrics {
    /// Registers every metric. A counter's name gets `_total` behind it where it is
    /// printed.
    pub fn new() -> Self {
        let mut to = MetricRegistration::new();
        to.build_info();
        Self {
            decisions: to.add("decisions", meaning::DECISIONS),
            decisions_collapsed: to.add("decisions_collapsed", meaning::DECISIONS_COLLAPSED),
            decisions_waiting: to.add("decisions_waiting", meaning::DECISIONS_WAITING),
            decisions_unindexed: to.add("decisions_unindexed", meaning::DECISIONS_UNINDEXED),
            store_failing: to.add("store_failing", meaning::STORE_FAILING),
            denied_images: to.add("denied_images", meaning::DENIED_IMAGES),
            watch: WatchMetrics::new(&mut to),
            nodes: NodeMetrics::new(&mut to),
            replicas: ReplicaMetrics::new(&mut to),
            condition: ConditionMetrics::new(&mut to),
            decision_seconds: to.add_made(
                "decision_seconds",
                meaning::DECISION_SECONDS,
                verdicts(),
            ),
            pods_raised: to.add("pods_raised", meaning::PODS_RAISED),
            webhook_armed: to.add("webhook_armed", meaning::WEBHOOK_ARMED),
            admission_seconds: to.add_made(
                "admission_seconds",
                meaning::ADMISSION_SECONDS,
                family(point_reads),
            ),
            pull_ttfb_seconds: to.add_made(
                "pull_ttfb_seconds",
                meaning::PULL_TTFB_SECONDS,
                family(round_trips),
            ),
            cache_requests: to.add("cache_requests", meaning::CACHE_REQUESTS),
            break_glass: to.add("break_glass_active", meaning::BREAK_GLASS_ACTIVE),
            cache_bytes: to.add("cache_bytes", meaning::CACHE_BYTES),
            fill_waiters: to.add("fill_waiters", meaning::FILL_WAITERS),
            remote: RemoteMetrics::new(&mut to),
            upstream_requests: to.add("upstream_requests", meaning::UPSTREAM_REQUESTS),
            upstream_failures: to.add("upstream_failures", meaning::UPSTREAM_FAILURES),
            upstream_seconds: to.add_made(
                "upstream_seconds",
                meaning::UPSTREAM_SECONDS,
                round_trips(),
            ),
            upstream_rate_limit_remaining: to.add(
                "upstream_rate_limit_remaining",
                meaning::UPSTREAM_RATE_LIMIT_REMAINING,
            ),
            stale_tags: to.add("stale_tags", meaning::STALE_TAGS),
            certificate_expiry_seconds: to.add(
                "certificate_expiry_seconds",
                meaning::CERTIFICATE_EXPIRY_SECONDS,
            ),
            mode: to.add("mode", meaning::MODE),
            ledger: LedgerMetrics::register(&mut to),
            exceptions: to.add("exceptions", meaning::EXCEPTIONS),
            policy_files_invalid: to.add("policy_files_invalid", meaning::POLICY_FILES_INVALID),
            registry: Arc::new(to.into_registry()),
        }
    }

    /// All metrics in the OpenMetrics text format.
    pub fn encode(&self) -> String {
        let mut page = String::new();
        // A page that broke off lacks its `# EOF`, and scrapers refuse it.
        let _ = text::encode(&mut page, &self.registry);
        page
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn family<S: Clone + Hash + Eq>(make: fn() -> Histogram) -> Family<S, Histogram> {
    Family::new_with_constructor(make)
}

/// 1 µs to 4 s: most verdicts come out of memory, some wait for an upstream.
fn verdicts() -> Histogram {
    Histogram::new(exponential_buckets(1e-6, 4.0, 12))
}

/// 0.1 ms to 26 s.
fn round_trips() -> Histogram {
    Histogram::new(exponential_buckets(1e-4, 4.0, 10))
}

/// 25 µs to 6.5 s.
fn point_reads() -> Histogram {
    Histogram::new(exponential_buckets(25e-6, 4.0, 10))
}
