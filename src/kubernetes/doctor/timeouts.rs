//! How long creating a Pod can take while webhooks do not answer.
//!
//! Mutating webhooks are asked one after another, validating ones at once; `Ignore`
//! ends the wait for one of them, not the request's own deadline.

use super::expected::ExpectedCluster;
use super::selector::labels_of_namespace;
use super::snapshot::Snapshot;
use super::webhook::{ClusterWebhook, Phase, all};
use crate::diagnosis::Diagnosis;

/// The API server's bound on one create, in seconds (`requestTimeoutUpperBound`).
const MAX_REQUEST_SECONDS: u64 = 34;
/// A namespace like any other.
const ORDINARY_NAMESPACE: &str = "default";

pub(super) fn judge(snapshot: &Snapshot, expected: &ExpectedCluster) -> Option<Diagnosis> {
    let labels = labels_of_namespace(snapshot.namespaces.items(), ORDINARY_NAMESPACE);
    let asked: Vec<ClusterWebhook<'_>> = all(snapshot)
        .filter(|webhook| webhook.takes_new_pods() && webhook.selects_namespace(&labels))
        .collect();
    let in_turn: u64 = seconds(&asked, Phase::Mutating).sum();
    let at_once = seconds(&asked, Phase::Validating).max().unwrap_or(0);
    (in_turn + at_once >= MAX_REQUEST_SECONDS).then(|| finding(&asked, expected, in_turn, at_once))
}

fn seconds(webhooks: &[ClusterWebhook<'_>], phase: Phase) -> impl Iterator<Item = u64> {
    let of_phase = webhooks
        .iter()
        .filter(move |webhook| webhook.phase == phase);
    of_phase.map(ClusterWebhook::timeout_seconds)
}

fn finding(
    asked: &[ClusterWebhook<'_>],
    expected: &ExpectedCluster,
    in_turn: u64,
    at_once: u64,
) -> Diagnosis {
    let own = expected.configuration();
    let mut slow: Vec<&ClusterWebhook<'_>> = asked
        .iter()
        .filter(|webhook| webhook.configuration != own)
        .collect();
    slow.sort_by_key(|webhook| std::cmp::Reverse(webhook.timeout_seconds()));
    let slowest: Vec<String> = slow
        .iter()
        .take(3)
        .map(|webhook| format!("{} {} s", webhook.title(), webhook.timeout_seconds()))
        .collect();
    Diagnosis::wrong(format!(
        "webhooks may keep a new Pod waiting for {} s, and the API server waits {MAX_REQUEST_SECONDS} s",
        in_turn + at_once
    ))
    .why(format!(
        "{in_turn} s of mutating ones in turn, {at_once} s of validating ones: when several are \
         silent no Pod is made, whatever their failurePolicy"
    ))
    .next(format!("lower timeoutSeconds of {}", slowest.join(", ")))
}
