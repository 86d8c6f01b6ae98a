//! Webhooks of other programs that intercept Sekisho's own Pods.
//!
//! Where such a webhook refuses requests while it is down, and its own Pods wait for
//! Sekisho, neither comes up again after both went down.

use super::expected::ExpectedCluster;
use super::own_webhooks::webhooks;
use super::selector::{labels_of, labels_of_namespace};
use super::snapshot::{Snapshot, namespace_of};
use super::webhook::{ClusterWebhook, all};
use crate::diagnosis::Diagnosis;

pub(super) fn judge(snapshot: &Snapshot, expected: &ExpectedCluster) -> Vec<Diagnosis> {
    let own = expected.configuration();
    all(snapshot)
        .filter(|webhook| webhook.configuration != own)
        .filter(|webhook| webhook.takes_new_pods() && takes_ours(webhook, snapshot, expected))
        .map(|webhook| finding(&webhook, snapshot, expected))
        .collect()
}

fn takes_ours(
    webhook: &ClusterWebhook<'_>,
    snapshot: &Snapshot,
    expected: &ExpectedCluster,
) -> bool {
    let namespace = labels_of_namespace(snapshot.namespaces.items(), &expected.namespace);
    let pods = snapshot.pods.items().iter();
    let mut ours = pods
        .filter(|pod| namespace_of(pod) == expected.namespace)
        .map(labels_of)
        .peekable();
    let takes_a_pod = ours.peek().is_none() || ours.any(|labels| webhook.selects_object(&labels));
    webhook.selects_namespace(&namespace) && takes_a_pod
}

fn finding(
    webhook: &ClusterWebhook<'_>,
    snapshot: &Snapshot,
    expected: &ExpectedCluster,
) -> Diagnosis {
    let title = webhook.title();
    let maybe = match webhook.has_conditions() {
        true => " (unless its matchConditions say otherwise)",
        false => "",
    };
    let exempt = format!(
        "exempt the namespace {} in {}: a namespaceSelector with kubernetes.io/metadata.name NotIn",
        expected.namespace, webhook.configuration
    );
    let behind = webhook
        .service()
        .filter(|(namespace, _)| is_ours_to_hold(snapshot, expected, namespace));
    match (webhook.is_fatal(), behind) {
        (true, Some((namespace, name))) => Diagnosis::wrong(format!(
            "{title} and Sekisho wait for each other{maybe}"
        ))
        .why(format!(
            "Sekisho's Pods need its answer, and its own Pods, behind {namespace}/{name}, are \
             held back while Sekisho is down"
        ))
        .next(exempt),
        (true, None) => Diagnosis::wrong(format!(
            "{title} can keep Sekisho's Pods from being made{maybe}"
        ))
        .why("it refuses requests while it cannot be asked")
        .next(exempt),
        (false, _) => Diagnosis::note(format!("{title} is asked about Sekisho's Pods{maybe}"))
            .why("it can change or refuse them; while it is down it does not")
            .next(exempt),
    }
}

/// Whether Pods of that namespace wait for our answer.
fn is_ours_to_hold(snapshot: &Snapshot, expected: &ExpectedCluster, namespace: &str) -> bool {
    let labels = labels_of_namespace(snapshot.namespaces.items(), namespace);
    webhooks(snapshot, expected).any(|webhook| {
        webhook.is_fatal() && webhook.takes_new_pods() && webhook.selects_namespace(&labels)
    })
}
