//! Webhooks of others that Sekisho's own Pods have to pass.
//!
//! Where such a webhook refuses requests while it is down, and its own Pods wait for
//! Sekisho, neither comes up again after both went down.

use super::expected::Expected;
use super::hook::{Hook, all};
use super::own::hooks;
use super::selector::{labels_of, labels_of_namespace};
use super::snapshot::{Snapshot, namespace_of};
use crate::diagnosis::Diagnosis;

pub(super) fn judge(snapshot: &Snapshot, expected: &Expected) -> Vec<Diagnosis> {
    let own = expected.configuration();
    all(snapshot)
        .filter(|hook| hook.configuration != own)
        .filter(|hook| hook.takes_new_pods() && takes_ours(hook, snapshot, expected))
        .map(|hook| finding(&hook, snapshot, expected))
        .collect()
}

fn takes_ours(hook: &Hook<'_>, snapshot: &Snapshot, expected: &Expected) -> bool {
    let namespace = labels_of_namespace(snapshot.namespaces.items(), &expected.namespace);
    let pods = snapshot.pods.items().iter();
    let mut ours = pods
        .filter(|pod| namespace_of(pod) == expected.namespace)
        .map(labels_of)
        .peekable();
    let takes_a_pod = ours.peek().is_none() || ours.any(|labels| hook.selects_object(&labels));
    hook.selects_namespace(&namespace) && takes_a_pod
}

fn finding(hook: &Hook<'_>, snapshot: &Snapshot, expected: &Expected) -> Diagnosis {
    let title = hook.title();
    let maybe = match hook.has_conditions() {
        true => " (unless its matchConditions say otherwise)",
        false => "",
    };
    let exempt = format!(
        "exempt the namespace {} in {}: a namespaceSelector with kubernetes.io/metadata.name NotIn",
        expected.namespace, hook.configuration
    );
    let behind = hook
        .service()
        .filter(|(namespace, _)| is_ours_to_hold(snapshot, expected, namespace));
    match (hook.is_fatal(), behind) {
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
fn is_ours_to_hold(snapshot: &Snapshot, expected: &Expected, namespace: &str) -> bool {
    let labels = labels_of_namespace(snapshot.namespaces.items(), namespace);
    hooks(snapshot, expected)
        .any(|hook| hook.is_fatal() && hook.takes_new_pods() && hook.selects_namespace(&labels))
}
