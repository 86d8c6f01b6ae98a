//! Our own webhook configurations: are they there, and do they keep away from what
//! must never wait for them?

use super::expected::Expected;
use super::hook::{Hook, Phase, all};
use super::selector::labels_of_namespace;
use super::snapshot::{Snapshot, text};
use crate::diagnosis::Diagnosis;
use crate::kubernetes::names::{MUTATE_PODS, SYSTEM_NAMESPACE, VALIDATE_PODS, VALIDATE_TEMPLATES};

/// Above this, in seconds, one silent webhook holds up a whole cluster.
const LONG: u64 = 5;
const APPLY: &str = "apply what `sekisho kubernetes manifests --only webhooks` prints";

/// The webhooks of this cluster's configurations.
pub(super) fn hooks<'a>(
    snapshot: &'a Snapshot,
    expected: &Expected,
) -> impl Iterator<Item = Hook<'a>> {
    let name = expected.configuration();
    all(snapshot).filter(move |hook| hook.configuration == name)
}

pub(super) fn judge(snapshot: &Snapshot, expected: &Expected) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    for (phase, name) in [
        (Phase::Mutating, MUTATE_PODS),
        (Phase::Validating, VALIDATE_PODS),
        (Phase::Validating, VALIDATE_TEMPLATES),
    ] {
        let is_it = |hook: &Hook<'_>| hook.phase == phase && hook.name() == name;
        if !hooks(snapshot, expected).any(|hook| is_it(&hook)) && is_listed(snapshot, phase) {
            found.push(absent(expected, name));
        }
    }
    for hook in hooks(snapshot, expected) {
        found.extend(reach(&hook, snapshot, expected));
        found.extend(manners(&hook));
    }
    found
}

/// What could not be listed is told once, elsewhere.
fn is_listed(snapshot: &Snapshot, phase: Phase) -> bool {
    let listed = match phase {
        Phase::Mutating => &snapshot.mutating,
        Phase::Validating => &snapshot.validating,
    };
    matches!(listed, super::Listed::Items(_))
}

fn absent(expected: &Expected, name: &str) -> Diagnosis {
    let what = format!(
        "the webhook {}/{name} is not there",
        expected.configuration()
    );
    Diagnosis::wrong(what)
        .why("the API server does not ask Sekisho about these objects")
        .next(format!("{APPLY}, or let a running Sekisho put it in force"))
}

/// Own Pods and those of the system must come up while nobody answers.
fn reach(hook: &Hook<'_>, snapshot: &Snapshot, expected: &Expected) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    for namespace in [expected.namespace.as_str(), SYSTEM_NAMESPACE] {
        let labels = labels_of_namespace(snapshot.namespaces.items(), namespace);
        if hook.selects_namespace(&labels) {
            let what = format!("{} takes in the namespace {namespace}", hook.title());
            found.push(
                Diagnosis::wrong(what)
                    .why("what must start before Sekisho would wait for Sekisho")
                    .next(APPLY),
            );
        }
    }
    found
}

fn manners(hook: &Hook<'_>) -> Vec<Diagnosis> {
    let title = hook.title();
    let mut found = Vec::new();
    if hook.is_fatal() && hook.name() != VALIDATE_PODS {
        found.push(
            Diagnosis::wrong(format!("{title} refuses requests while it cannot be asked"))
                .why("it only rewrites or warns, so nothing is won by stopping the cluster")
                .next(format!("set failurePolicy: Ignore, or {APPLY}")),
        );
    }
    if hook.timeout_seconds() > LONG {
        let seconds = hook.timeout_seconds();
        found.push(
            Diagnosis::wrong(format!(
                "{title} may keep a request waiting for {seconds} s"
            ))
            .why("while it is silent, everything that makes Pods becomes that much slower")
            .next("set timeoutSeconds: 2"),
        );
    }
    if !matches!(text(hook.body, "/sideEffects"), "None" | "NoneOnDryRun") {
        found.push(
            Diagnosis::wrong(format!("{title} declares side effects"))
                .why("the API server refuses every dry run that it would be asked about")
                .next(APPLY),
        );
    }
    if hook.name() != VALIDATE_TEMPLATES && !hook.takes("UPDATE", "pods/ephemeralcontainers") {
        found.push(
            Diagnosis::wrong(format!("{title} is not asked about ephemeral containers"))
                .why("an image that `kubectl debug` adds to a Pod is not judged (CVE-2023-2727)")
                .next(APPLY),
        );
    }
    found
}
