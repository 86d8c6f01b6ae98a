//! `docs/metrics.md`: every metric that the program registers, with every value that
//! its labels can have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sekisho::metrics::{
    AdmissionLabels, AgentMetrics, CacheLabels, CanaryEnd, CanaryLabels, ContentKind,
    ContentSource, DecisionLabels, DenialCause, DeniedInUseLabels, DeniedLabels, DeniedSoonLabels,
    Disk, DiskLabels, EnvironmentLabels, ExceptionLabels, ExceptionState, ImageUse, LedgerLabels,
    LedgerVerb, ListenerLabels, LookUp, Metrics, ModeLabels, NotificationLabels,
    NotificationResult, NotifyTargetLabels, PodVerdict, PodsRaisedLabels, PolicyFileKind,
    PolicyFileLabels, PullLabels, RecordStore, RecordStoreLabels, RemoteBytesLabels,
    RemoteDirection, RemoteDrop, RemoteDropLabels, RemoteFailingLabels, RemoteOperation,
    RemoteRequestLabels, RemoteResult, RemoteUse, ReviewVerdict, SharedWork, SharedWorkLabels,
    SpanLabels, SpanResult, StartLabels, StartOutcome, UpstreamCause, UpstreamFailureLabels,
    UpstreamLabels, UpstreamMethod, UpstreamRequestLabels, WebhookArmedLabels, WebhookName,
};
use sekisho::trust::{DenialReason, Door, Mode, Outcome};

use super::page::{documents, hold, table, text};

/// Labels whose values the configuration or the other side gives.
const OPEN: [(&str, &str); 8] = [
    ("cluster", "a `name` of `[[clusters]]`"),
    ("configuration", "kind and name, as in `kubectl get`"),
    ("environment", "a name of `[environments]`"),
    ("listener", "the address that is bound"),
    ("status", "a status of HTTP; 0: no answer came"),
    ("target", "a `name` of `[[notify]]`"),
    (
        "upstream",
        "a `name` of `[[upstreams]]`; empty: none was meant",
    ),
    ("version", "of the program"),
];

/// What a scraper is told of one metric.
#[derive(Debug, Default)]
struct Told {
    kind: String,
    meaning: String,
    labels: BTreeMap<String, BTreeSet<String>>,
}

/// By the names that queries use.
fn read(page: &str) -> BTreeMap<String, Told> {
    let mut found: BTreeMap<String, Told> = BTreeMap::new();
    let mut name = "";
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (family, meaning) = rest.split_once(' ').unwrap();
            name = family;
            let told = found.entry(name.to_owned()).or_default();
            meaning.trim_end_matches('.').clone_into(&mut told.meaning);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (_, kind) = rest.split_once(' ').unwrap();
            kind.clone_into(&mut found.get_mut(name).unwrap().kind);
        } else if let Some((_, labels)) = line.split_once('{') {
            let told = found.get_mut(name).unwrap();
            for (label, value) in read_labels(labels).filter(|(label, _)| *label != "le") {
                let values = told.labels.entry(label.to_owned()).or_default();
                values.insert(value.to_owned());
            }
        }
    }
    let queried = |(name, told): (String, Told)| match told.kind.as_str() {
        "counter" => (format!("{name}_total"), told),
        "info" => (format!("{name}_info"), told),
        _ => (name, told),
    };
    found.into_iter().map(queried).collect()
}

/// Of `a="x",b="y"} 1`; no value here holds a quote.
fn read_labels(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let (labels, _) = text.split_once('}').unwrap();
    let pairs = labels.strip_suffix('"').unwrap().split("\",");
    pairs.map(|pair| pair.split_once("=\"").unwrap())
}

/// All metrics, with a sample for each value of each label.
fn sampled() -> BTreeMap<String, Told> {
    let metrics = Metrics::new();
    decisions(&metrics);
    webhooks(&metrics);
    traffic(&metrics);
    files(&metrics);
    let mut found = read(&metrics.encode());
    found.extend(read(&agent_page()));
    found
}

/// What the agent of a node shows, with each value of its labels.
fn agent_page() -> String {
    let metrics = AgentMetrics::new();
    for &outcome in StartOutcome::ALL {
        let _ = metrics.starts.get_or_create(&StartLabels { outcome });
    }
    for &end in CanaryEnd::ALL {
        let _ = metrics.canaries.get_or_create(&CanaryLabels { end });
    }
    metrics.encode()
}

fn any() -> Arc<str> {
    "*".into()
}

fn decisions(metrics: &Metrics) {
    let (environment, upstream) = (any(), any());
    let reasons = DenialReason::ALL.map(Some).into_iter().chain([None]);
    for reason in reasons {
        for door in Door::ALL {
            for verdict in Outcome::ALL {
                let (environment, upstream) = (environment.clone(), upstream.clone());
                let _ = metrics.decisions.get_or_create(&DecisionLabels {
                    door,
                    environment,
                    upstream,
                    verdict,
                    reason,
                });
            }
        }
    }
    for reason in DenialReason::ALL {
        let environment = environment.clone();
        let labels = DeniedLabels {
            environment,
            reason,
        };
        let _ = metrics.denied_images.get_or_create(&labels);
    }
    let in_use = DenialReason::ALL.into_iter().flat_map(|reason| {
        let environment = environment.clone();
        ImageUse::ALL.iter().map(move |&usage| {
            let environment = environment.clone();
            let labels = DeniedInUseLabels {
                environment,
                reason,
                usage,
            };
            (labels, 1)
        })
    });
    metrics.watch.denied_in_use.replace(in_use);
    for mode in Mode::ALL {
        let environment = environment.clone();
        let _ = metrics
            .mode
            .get_or_create(&ModeLabels { environment, mode });
    }
}

fn webhooks(metrics: &Metrics) {
    for &webhook in WebhookName::ALL {
        for &verdict in ReviewVerdict::ALL {
            let cluster = any();
            let _ = metrics.admission_seconds.get_or_create(&AdmissionLabels {
                cluster,
                webhook,
                verdict,
            });
        }
    }
    for &verdict in PodVerdict::ALL {
        let cluster = any();
        let labels = PodsRaisedLabels { cluster, verdict };
        let _ = metrics.pods_raised.get_or_create(&labels);
    }
    let (cluster, configuration) = (any(), any());
    let _ = metrics.webhook_armed.get_or_create(&WebhookArmedLabels {
        cluster,
        configuration,
    });
}

fn traffic(metrics: &Metrics) {
    for &kind in ContentKind::ALL {
        for &source in ContentSource::ALL {
            let labels = PullLabels { kind, source };
            let _ = metrics.pull_ttfb_seconds.get_or_create(&labels);
        }
        for &result in LookUp::ALL {
            let labels = CacheLabels { kind, result };
            let _ = metrics.cache_requests.get_or_create(&labels);
        }
    }
    remote_tier(metrics);
    conditions(metrics);
    for &method in UpstreamMethod::ALL {
        let labels = UpstreamRequestLabels {
            upstream: any(),
            method,
            status: 0,
        };
        let _ = metrics.upstream_requests.get_or_create(&labels);
    }
    for &cause in UpstreamCause::ALL {
        let upstream = any();
        let labels = UpstreamFailureLabels { upstream, cause };
        let _ = metrics.upstream_failures.get_or_create(&labels);
    }
    let upstream = UpstreamLabels { upstream: any() };
    let _ = metrics.stale_tags.get_or_create(&upstream);
    let _ = metrics
        .upstream_rate_limit_remaining
        .get_or_create(&upstream);
}

fn conditions(metrics: &Metrics) {
    let condition = &metrics.condition;
    condition
        .denied_soon
        .replace(DenialCause::ALL.iter().map(|&cause| {
            let environment = any();
            (DeniedSoonLabels { environment, cause }, 1)
        }));
    for &disk in Disk::ALL {
        let _ = condition
            .disk_free_bytes
            .get_or_create(&DiskLabels { disk });
    }
    let upstream = UpstreamLabels { upstream: any() };
    let _ = condition.upstream_up.get_or_create(&upstream);
    let environment = EnvironmentLabels { environment: any() };
    let _ = condition.mode_overridden.get_or_create(&environment);
    let nodes = &metrics.nodes;
    let _ = nodes.snapshot_sequence.get_or_create(&environment);
    let _ = nodes.snapshot_denied.get_or_create(&environment);
    nodes.agents.replace([(environment.clone(), 1)]);
    nodes.agents_silent.replace([(environment, 0)]);
}

fn remote_tier(metrics: &Metrics) {
    for &operation in RemoteOperation::ALL {
        for &result in RemoteResult::ALL {
            let labels = RemoteRequestLabels { operation, result };
            let _ = metrics.remote.requests.get_or_create(&labels);
        }
    }
    for &direction in RemoteDirection::ALL {
        let labels = RemoteBytesLabels { direction };
        let _ = metrics.remote.bytes.get_or_create(&labels);
    }
    for &reason in RemoteDrop::ALL {
        let labels = RemoteDropLabels { reason };
        let _ = metrics.remote.dropped.get_or_create(&labels);
    }
    for &operation in RemoteUse::ALL {
        let labels = RemoteFailingLabels { operation };
        let _ = metrics.remote.failing.get_or_create(&labels);
    }
}

fn files(metrics: &Metrics) {
    let listener = ListenerLabels { listener: any() };
    let _ = metrics.certificate_expiry_seconds.get_or_create(&listener);
    for &state in ExceptionState::ALL {
        let _ = metrics.exceptions.get_or_create(&ExceptionLabels { state });
    }
    for &kind in PolicyFileKind::ALL {
        let labels = PolicyFileLabels { kind };
        let _ = metrics.policy_files_invalid.get_or_create(&labels);
    }
    for &result in SpanResult::ALL {
        let _ = metrics.watch.spans.get_or_create(&SpanLabels { result });
    }
    for &result in NotificationResult::ALL {
        let target = any();
        let labels = NotificationLabels { target, result };
        let _ = metrics.watch.notifications.get_or_create(&labels);
    }
    let target = NotifyTargetLabels { target: any() };
    let waiting = &metrics.watch.notifications_waiting;
    let _ = waiting.get_or_create(&target);
    for &store in RecordStore::ALL {
        let labels = RecordStoreLabels { store };
        let _ = metrics.store_failing.get_or_create(&labels);
        let _ = metrics.decisions_waiting.get_or_create(&labels);
    }
    for &work in SharedWork::ALL {
        let labels = SharedWorkLabels { work };
        let _ = metrics.replicas.work_held.get_or_create(&labels);
    }
    for &verb in LedgerVerb::ALL {
        let _ = metrics.ledger.seconds.get_or_create(&LedgerLabels { verb });
    }
}

fn quoted(word: &str) -> String {
    format!("`{word}`")
}

#[test]
fn every_metric_is_in_the_page_and_no_other() {
    let rows: Vec<Vec<String>> = sampled()
        .iter()
        .map(|(name, told)| {
            let labels: Vec<String> = told.labels.keys().map(|label| quoted(label)).collect();
            vec![
                quoted(name),
                told.kind.clone(),
                labels.join(", "),
                told.meaning.clone(),
            ]
        })
        .collect();
    let made = table(&["metric", "type", "labels", "meaning"], &rows);
    hold("docs/metrics.md", "metrics", &made);
}

#[test]
fn every_value_of_a_label_is_in_the_page_and_no_other() {
    let mut rows = Vec::new();
    for (name, told) in sampled() {
        for (label, values) in &told.labels {
            if OPEN.iter().any(|(open, _)| open == label) && *label != "status" {
                continue;
            }
            rows.push(vec![quoted(&name), quoted(label), listed(label, values)]);
        }
    }
    for (label, meaning) in OPEN.iter().filter(|(label, _)| *label != "status") {
        rows.push(vec!["any".to_owned(), quoted(label), (*meaning).to_owned()]);
    }
    let made = table(&["metric", "label", "values"], &rows);
    hold("docs/metrics.md", "labels", &made);
}

fn listed(label: &str, values: &BTreeSet<String>) -> String {
    let open = OPEN.iter().find(|(open, _)| *open == label);
    if let Some((_, meaning)) = open {
        return (*meaning).to_owned();
    }
    let word = |value: &String| match value.as_str() {
        "" => "empty".to_owned(),
        value => quoted(value),
    };
    let words: Vec<String> = values.iter().map(word).collect();
    words.join(", ")
}

/// A family without a sample would be in the page without its labels.
#[test]
fn every_metric_has_a_sample_here() {
    let page = Metrics::new().encode();
    let alone: BTreeSet<String> = read(&page)
        .into_iter()
        .filter(|(name, _)| {
            !page.contains(&format!("\n{name} ")) && !page.contains(&format!("\n{name}_count "))
        })
        .map(|(name, _)| name)
        .collect();
    let sampled = sampled();
    for name in alone {
        assert!(
            !sampled[&name].labels.is_empty(),
            "{name} has no sample here"
        );
    }
}

#[test]
fn the_documents_name_no_metric_that_there_is_not() {
    let known = sampled();
    for path in documents() {
        let text = text(&path);
        let words = text.split(|letter: char| !(letter.is_ascii_lowercase() || letter == '_'));
        for word in words.filter(|word| word.starts_with("sekisho_")) {
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|part| word.strip_suffix(part))
                .unwrap_or(word);
            assert!(known.contains_key(base), "{path}: {word}");
        }
    }
}
