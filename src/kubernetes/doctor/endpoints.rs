//! Whether the webhook's Service has ready endpoints.

use serde_json::Value;

use super::expected::ExpectedCluster;
use super::own_webhooks::webhooks;
use super::snapshot::{ObjectList, Snapshot, list, text};
use super::webhook::ClusterWebhook;
use crate::diagnosis::Diagnosis;

const SERVICE_LABEL_POINTER: &str = "/metadata/labels/kubernetes.io~1service-name";

pub(super) fn judge(snapshot: &Snapshot, expected: &ExpectedCluster) -> Vec<Diagnosis> {
    let own: Vec<ClusterWebhook<'_>> = webhooks(snapshot, expected).collect();
    let services: Vec<_> = own.iter().filter_map(ClusterWebhook::service).collect();
    let Some((namespace, service)) = services.first().copied() else {
        return Vec::new();
    };
    if !matches!(snapshot.slices, ObjectList::Items(_)) {
        return Vec::new();
    }
    let is_fatal = own.iter().any(ClusterWebhook::is_fatal);
    let title = format!("{namespace}/{service}");
    match (ready(snapshot, service), is_fatal) {
        (0, true) => vec![
            nobody(&title)
                .why("no Pod is made outside the exempt namespaces: the validating webhook is Fail")
                .next("bring Sekisho up, or delete the ValidatingWebhookConfiguration meanwhile"),
        ],
        (0, false) => vec![
            nobody(&title)
                .why("Pods are made without being rewritten or judged")
                .next("bring Sekisho up: kubectl -n … get pods, and their events"),
        ],
        (1, true) => vec![
            Diagnosis::wrong(format!("only one Pod is ready behind {title}"))
                .why("while it restarts no Pod is made: the validating webhook is Fail")
                .next("run two or more, or set failurePolicy: Ignore"),
        ],
        _ => Vec::new(),
    }
}

fn nobody(title: &str) -> Diagnosis {
    Diagnosis::wrong(format!("no Pod is ready behind {title}"))
}

fn ready(snapshot: &Snapshot, service: &str) -> usize {
    let slices = snapshot.slices.items().iter();
    slices
        .filter(|slice| text(slice, SERVICE_LABEL_POINTER) == service)
        .flat_map(|slice| list(slice, "/endpoints"))
        .filter(|endpoint| is_ready(endpoint))
        .count()
}

/// Not said is ready, as Kubernetes has it.
fn is_ready(endpoint: &Value) -> bool {
    let said = endpoint
        .pointer("/conditions/ready")
        .and_then(Value::as_bool);
    said.unwrap_or(true)
}
