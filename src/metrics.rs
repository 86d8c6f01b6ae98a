//! Every metric of the program: handles resolved at construction.
//!
//! No image and no digest is ever a label value, so that the number of series
//! is bounded by the configuration.

use std::hash::Hash;
use std::sync::Arc;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

const TTFB: &str = "Time to the first byte of an answer to a pull";
const ADMISSION: &str = "Time to the answer of a webhook";
const RAISED: &str = "Running Pods that became reachable from outside";
const UPSTREAM: &str = "Time to the head of an upstream's answer";
const RATE_LIMIT: &str = "Pulls that the upstream still allows, as it last said";
const INVALID: &str = "Files of policy that are invalid: what was last good holds";
const EXPIRY: &str = "Seconds until the listener's certificate expires";

/// The handles, and the registry that prints them. Cloning shares both.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    /// Decisions of the gate, one for each time an answer was given.
    pub decisions: Family<DecisionLabels, Counter>,
    /// Passes that a full queue turned into mere counts.
    pub decisions_collapsed: Counter,
    /// Distinct digests denied in the last hour.
    pub denied_images: Family<DeniedLabels, Gauge>,
    /// Time to a verdict, resolving included.
    pub decision_seconds: Histogram,
    /// Running Pods that outside requests came to reach.
    pub pods_raised: Family<RaisedLabels, Counter>,
    /// 1 where a webhook configuration is in force as it should be.
    pub webhook_armed: Family<ArmedLabels, Gauge>,
    /// Time from a review's head to its answer.
    pub admission_seconds: Family<AdmissionLabels, Histogram>,
    /// Time from a request's head to the first byte of its answer.
    pub pull_ttfb_seconds: Family<PullLabels, Histogram>,
    pub cache_requests: Family<CacheLabels, Counter>,
    /// Bytes of blobs and manifests on disk.
    /// Grants of break-glass that hold now.
    pub break_glass: Gauge,
    pub cache_bytes: Gauge,
    /// Requests that wait for bytes another one is fetching.
    pub fill_waiters: Gauge,
    pub upstream_requests: Family<UpstreamRequestLabels, Counter>,
    /// Time to the head of an upstream's answer, retries not included.
    pub upstream_seconds: Histogram,
    pub upstream_rate_limit_remaining: Family<UpstreamLabels, Gauge>,
    /// Tags answered from memory since their upstream could not be asked.
    pub stale_tags: Family<UpstreamLabels, Counter>,
    /// Seconds until the certificate expires; negative once it has.
    pub certificate_expiry_seconds: Family<ListenerLabels, Gauge>,
    /// 1 for the mode an environment is in, 0 for the others.
    pub mode: Family<ModeLabels, Gauge>,
    pub ledger_seconds: Family<LedgerLabels, Histogram>,
    /// Exceptions in the files, by whether they hold.
    pub exceptions: Family<ExceptionLabels, Gauge>,
    /// Files on disk that are not in force.
    pub policy_files_invalid: Family<PolicyFileLabels, Gauge>,
}

/// `sekisho_decisions_total`; `reason` is empty where the verdict is a pass.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DecisionLabels {
    pub door: &'static str,
    pub environment: Arc<str>,
    pub upstream: Arc<str>,
    pub verdict: &'static str,
    pub reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DeniedLabels {
    pub environment: Arc<str>,
    pub reason: &'static str,
}

/// `webhook` is `mutate` or `validate`; `verdict` is `allowed`, `denied` or
/// `unanswered`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AdmissionLabels {
    pub cluster: Arc<str>,
    pub webhook: &'static str,
    pub verdict: &'static str,
}

/// `verdict` is what such a Pod would be told now: `allowed` or `denied`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RaisedLabels {
    pub cluster: Arc<str>,
    pub verdict: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ArmedLabels {
    pub cluster: Arc<str>,
    pub configuration: Arc<str>,
}

/// `kind` is `manifest`, `blob` or `tags`; `source` is where the bytes came
/// from: `memory`, `disk`, `fill` or `upstream`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PullLabels {
    pub kind: &'static str,
    pub source: &'static str,
}

/// `result` is `hit`, `miss`, `joined` or `error`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CacheLabels {
    pub kind: &'static str,
    pub result: &'static str,
}

/// `status` is 0 where no answer came.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct UpstreamRequestLabels {
    pub upstream: Arc<str>,
    pub method: &'static str,
    pub status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct UpstreamLabels {
    pub upstream: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ListenerLabels {
    pub listener: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ModeLabels {
    pub environment: Arc<str>,
    pub mode: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct LedgerLabels {
    pub verb: &'static str,
}

/// `state` is `active`, `expiring` or `expired`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ExceptionLabels {
    pub state: &'static str,
}

/// `kind` is `config`, `exceptions` or `advisories`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PolicyFileLabels {
    pub kind: &'static str,
}

impl Metrics {
    /// Registers every metric under its documented name.
    pub fn new() -> Self {
        let mut to = Names(Registry::with_prefix("sekisho"));
        to.build_info();
        Self {
            decisions: to.add("decisions", "Decisions of the gate"),
            decisions_collapsed: to.add("decisions_collapsed", "Passes counted, not recorded"),
            denied_images: to.add("denied_images", "Distinct digests denied in the last hour"),
            decision_seconds: to.add_made("decision_seconds", "Time to a verdict", verdicts()),
            pods_raised: to.add("pods_raised", RAISED),
            webhook_armed: to.add("webhook_armed", "1 where a webhook is in force"),
            admission_seconds: to.add_made("admission_seconds", ADMISSION, family(point_reads)),
            pull_ttfb_seconds: to.add_made("pull_ttfb_seconds", TTFB, family(round_trips)),
            cache_requests: to.add("cache_requests", "Look-ups in the cache"),
            break_glass: to.add(
                "break_glass_active",
                "Images that are let through under a ticket now",
            ),
            cache_bytes: to.add("cache_bytes", "Bytes in the cache on disk"),
            fill_waiters: to.add("fill_waiters", "Requests waiting for another one's fetch"),
            upstream_requests: to.add("upstream_requests", "Requests sent to upstreams"),
            upstream_seconds: to.add_made("upstream_seconds", UPSTREAM, round_trips()),
            upstream_rate_limit_remaining: to.add("upstream_rate_limit_remaining", RATE_LIMIT),
            stale_tags: to.add(
                "stale_tags",
                "Tags answered from memory, upstream unreachable",
            ),
            certificate_expiry_seconds: to.add("certificate_expiry_seconds", EXPIRY),
            mode: to.add("mode", "1 for the mode that an environment is in"),
            ledger_seconds: to.add_made("ledger_seconds", "Time of a verb", family(point_reads)),
            exceptions: to.add("exceptions", "Exceptions, by whether they hold"),
            policy_files_invalid: to.add("policy_files_invalid", INVALID),
            registry: Arc::new(to.0),
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

/// Adds metrics to a registry; it prints `_total` behind counters by itself.
struct Names(Registry);

impl Names {
    fn add<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        self.add_made(name, help, M::default())
    }

    fn add_made<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }

    fn build_info(&mut self) {
        let info = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        self.0.register("build", "What is running", info);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_the_documented_names() {
        let metrics = Metrics::new();
        touch_families(&metrics);
        metrics.decisions_collapsed.inc();
        let page = metrics.encode();
        for line in [
            "sekisho_decisions_total{door=\"registry\",environment=\"production\",\
             upstream=\"docker.io\",verdict=\"deny\",reason=\"not-scanned\"} 1",
            "sekisho_decisions_collapsed_total 1",
            "sekisho_denied_images{environment=\"production\",reason=\"not-scanned\"} 2",
            "sekisho_decision_seconds_count 0",
            "sekisho_admission_seconds_count{cluster=\"prod\",webhook=\"mutate\",verdict=\"allowed\"} 1",
            "sekisho_pull_ttfb_seconds_count{kind=\"blob\",source=\"disk\"} 1",
            "sekisho_cache_requests_total{kind=\"blob\",result=\"hit\"} 1",
            "sekisho_break_glass_active 0",
            "sekisho_cache_bytes 0",
            "sekisho_fill_waiters 0",
            "sekisho_upstream_requests_total{upstream=\"docker.io\",method=\"HEAD\",status=\"200\"} 1",
            "sekisho_upstream_seconds_count 0",
            "sekisho_upstream_rate_limit_remaining{upstream=\"docker.io\"} 99",
            "sekisho_stale_tags_total{upstream=\"docker.io\"} 1",
            "sekisho_certificate_expiry_seconds{listener=\"registry\"} -1",
            "sekisho_mode{environment=\"production\",mode=\"enforce\"} 1",
            "sekisho_ledger_seconds_count{verb=\"promote\"} 1",
            "sekisho_exceptions{state=\"expiring\"} 2",
            "sekisho_policy_files_invalid{kind=\"exceptions\"} 1",
            "sekisho_build_info{version=",
            "# EOF",
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
        assert!(!page.contains("_total_total"));
    }

    fn touch_families(metrics: &Metrics) {
        let environment: Arc<str> = "production".into();
        let upstream: Arc<str> = "docker.io".into();
        let reason = "not-scanned";
        let decision = DecisionLabels {
            door: "registry",
            environment: environment.clone(),
            upstream: upstream.clone(),
            verdict: "deny",
            reason,
        };
        metrics.decisions.get_or_create(&decision).inc();
        let denied = DeniedLabels {
            environment: environment.clone(),
            reason,
        };
        metrics.denied_images.get_or_create(&denied).set(2);
        let review = AdmissionLabels {
            cluster: "prod".into(),
            webhook: "mutate",
            verdict: "allowed",
        };
        metrics
            .admission_seconds
            .get_or_create(&review)
            .observe(0.1);
        let pull = PullLabels {
            kind: "blob",
            source: "disk",
        };
        metrics.pull_ttfb_seconds.get_or_create(&pull).observe(0.1);
        let look_up = CacheLabels {
            kind: "blob",
            result: "hit",
        };
        metrics.cache_requests.get_or_create(&look_up).inc();
        let request = UpstreamRequestLabels {
            upstream: upstream.clone(),
            method: "HEAD",
            status: 200,
        };
        metrics.upstream_requests.get_or_create(&request).inc();
        let labels = UpstreamLabels { upstream };
        metrics.stale_tags.get_or_create(&labels).inc();
        let left = &metrics.upstream_rate_limit_remaining;
        left.get_or_create(&labels).set(99);
        let listener = ListenerLabels {
            listener: "registry".into(),
        };
        let expiry = &metrics.certificate_expiry_seconds;
        expiry.get_or_create(&listener).set(-1);
        let mode = ModeLabels {
            environment,
            mode: "enforce",
        };
        metrics.mode.get_or_create(&mode).set(1);
        let state = ExceptionLabels { state: "expiring" };
        metrics.exceptions.get_or_create(&state).set(2);
        let kind = PolicyFileLabels { kind: "exceptions" };
        metrics.policy_files_invalid.get_or_create(&kind).set(1);
        let verb = LedgerLabels { verb: "promote" };
        metrics.ledger_seconds.get_or_create(&verb).observe(0.1);
    }
}
