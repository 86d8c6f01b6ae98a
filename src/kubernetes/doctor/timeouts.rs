//! How long a Pod's making can take while webhooks are silent.
//!
//! Mutating webhooks are asked one after another, validating ones at once; `Ignore`
//! ends the wait for one of them, not the request's own deadline.

use super::expected::Expected;
use super::hook::{Hook, Phase, all};
use super::selector::labels_of_namespace;
use super::snapshot::Snapshot;
use crate::diagnosis::Diagnosis;

/// The API server's bound on one create, in seconds (`requestTimeoutUpperBound`).
const REQUEST: u64 = 34;
/// A namespace like any other.
const ORDINARY: &str = "default";

pub(super) fn judge(snapshot: &Snapshot, expected: &Expected) -> Option<Diagnosis> {
    let labels = labels_of_namespace(snapshot.namespaces.items(), ORDINARY);
    let asked: Vec<Hook<'_>> = all(snapshot)
        .filter(|hook| hook.takes_new_pods() && hook.selects_namespace(&labels))
        .collect();
    let in_turn: u64 = seconds(&asked, Phase::Mutating).sum();
    let at_once = seconds(&asked, Phase::Validating).max().unwrap_or(0);
    (in_turn + at_once >= REQUEST).then(|| finding(&asked, expected, in_turn, at_once))
}

fn seconds(hooks: &[Hook<'_>], phase: Phase) -> impl Iterator<Item = u64> {
    let of_phase = hooks.iter().filter(move |hook| hook.phase == phase);
    of_phase.map(Hook::timeout_seconds)
}

fn finding(asked: &[Hook<'_>], expected: &Expected, in_turn: u64, at_once: u64) -> Diagnosis {
    let own = expected.configuration();
    let mut slow: Vec<&Hook<'_>> = asked
        .iter()
        .filter(|hook| hook.configuration != own)
        .collect();
    slow.sort_by_key(|hook| std::cmp::Reverse(hook.timeout_seconds()));
    let slowest: Vec<String> = slow
        .iter()
        .take(3)
        .map(|hook| format!("{} {} s", hook.title(), hook.timeout_seconds()))
        .collect();
    Diagnosis::wrong(format!(
        "webhooks may keep a new Pod waiting for {} s, and the API server waits {REQUEST} s",
        in_turn + at_once
    ))
    .why(format!(
        "{in_turn} s of mutating ones in turn, {at_once} s of validating ones: when several are \
         silent no Pod is made, whatever their failurePolicy"
    ))
    .next(format!("lower timeoutSeconds of {}", slowest.join(", ")))
}
