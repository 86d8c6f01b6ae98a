//! Sekisho's own webhook configurations: whether they exist, and leave alone what must
//! never wait for them.

use super::expected::{ExpectedCluster, PrintedObjects};
use super::narrowed;
use super::selector::labels_of_namespace;
use super::snapshot::{Snapshot, list, text};
use super::webhook::{ClusterWebhook, Phase, all};
use crate::diagnosis::Diagnosis;
use crate::kubernetes::names::{MUTATE_PODS, SYSTEM_NAMESPACE, VALIDATE_PODS, VALIDATE_TEMPLATES};

/// Above this, in seconds, one silent webhook holds up a whole cluster.
const LONG_TIMEOUT_SECONDS: u64 = 5;
const APPLY_HINT: &str = "apply what `sekisho kubernetes manifests --only webhooks` prints";

/// The webhooks of this cluster's configurations.
pub(super) fn webhooks<'a>(
    snapshot: &'a Snapshot,
    expected: &ExpectedCluster,
) -> impl Iterator<Item = ClusterWebhook<'a>> {
    let name = expected.configuration();
    all(snapshot).filter(move |webhook| webhook.configuration == name)
}

pub(super) fn judge(snapshot: &Snapshot, expected: &ExpectedCluster) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    for (phase, name) in [
        (Phase::Mutating, MUTATE_PODS),
        (Phase::Validating, VALIDATE_PODS),
        (Phase::Validating, VALIDATE_TEMPLATES),
    ] {
        let is_it = |webhook: &ClusterWebhook<'_>| webhook.phase == phase && webhook.name() == name;
        if !webhooks(snapshot, expected).any(|webhook| is_it(&webhook))
            && is_listed(snapshot, phase)
        {
            found.push(absent(expected, name));
        }
    }
    for webhook in webhooks(snapshot, expected) {
        found.extend(check_scope(&webhook, snapshot, expected));
        found.extend(check_timeouts(&webhook));
        found.extend(check_printed(&webhook, snapshot, expected));
    }
    found
}

/// Whether the configurations could be listed; if not, another finding says so.
fn is_listed(snapshot: &Snapshot, phase: Phase) -> bool {
    let listed = match phase {
        Phase::Mutating => &snapshot.mutating,
        Phase::Validating => &snapshot.validating,
    };
    matches!(listed, super::ObjectList::Items(_))
}

fn absent(expected: &ExpectedCluster, name: &str) -> Diagnosis {
    let what = format!(
        "the webhook {}/{name} is not there",
        expected.configuration()
    );
    Diagnosis::wrong(what)
        .why("the API server does not ask Sekisho about these objects")
        .next(format!(
            "{APPLY_HINT}, or let a running Sekisho put it in force"
        ))
}

/// Sekisho's Pods and those of the system must start while no webhook answers.
fn check_scope(
    webhook: &ClusterWebhook<'_>,
    snapshot: &Snapshot,
    expected: &ExpectedCluster,
) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    let behind_service = webhook.service().map(|_| expected.namespace.as_str());
    let own = expected.own_namespace(snapshot).or(behind_service);
    for namespace in own.into_iter().chain([SYSTEM_NAMESPACE]) {
        let labels = labels_of_namespace(snapshot.namespaces.items(), namespace);
        if webhook.selects_namespace(&labels) {
            let what = format!("{} takes in the namespace {namespace}", webhook.title());
            found.push(
                Diagnosis::wrong(what)
                    .why("what must start before Sekisho would wait for Sekisho")
                    .next(APPLY_HINT),
            );
        }
    }
    found
}

/// The API server asks only about what the configuration takes in, so a narrower one judges
/// less, and nothing else shows it.
fn check_printed(
    webhook: &ClusterWebhook<'_>,
    snapshot: &Snapshot,
    expected: &ExpectedCluster,
) -> Option<Diagnosis> {
    let printed = &expected.printed;
    let by_service = webhook.service().is_some();
    let near = format!(".{}.svc", expected.namespace);
    let is_home = by_service
        || expected.own_namespace(snapshot).is_some()
        || text(webhook.body, "/clientConfig/url").contains(&near);
    let cases = [
        (is_home, &printed.at_home),
        (!by_service, &printed.elsewhere),
    ];
    let mut places = Vec::new();
    for (_, objects) in cases.into_iter().filter(|(is_case, _)| *is_case) {
        let kind = webhook.phase.kind();
        let object = PrintedObjects::find(objects, kind, webhook.configuration)?;
        let mut all = list(object, "/webhooks").iter();
        let one = all.find(|it| text(it, "/name") == webhook.name())?;
        places.push(narrowed::webhook(one, webhook.body)?);
    }
    let place = places.first()?;
    let what = format!(
        "{} does less than `sekisho kubernetes manifests` prints, by {place}",
        webhook.title()
    );
    Some(
        Diagnosis::wrong(what)
            .why("what the API server does not ask Sekisho about, nobody judges")
            .next(format!(
                "see who changed it, then {APPLY_HINT}, or let a running Sekisho put it in force"
            )),
    )
}

fn check_timeouts(webhook: &ClusterWebhook<'_>) -> Vec<Diagnosis> {
    let title = webhook.title();
    let mut found = Vec::new();
    if webhook.is_fatal() && webhook.name() != VALIDATE_PODS {
        found.push(
            Diagnosis::wrong(format!("{title} refuses requests while it cannot be asked"))
                .why("it only rewrites or warns, so nothing is won by stopping the cluster")
                .next(format!("set failurePolicy: Ignore, or {APPLY_HINT}")),
        );
    }
    if webhook.timeout_seconds() > LONG_TIMEOUT_SECONDS {
        let seconds = webhook.timeout_seconds();
        found.push(
            Diagnosis::wrong(format!(
                "{title} may keep a request waiting for {seconds} s"
            ))
            .why("while it is silent, everything that makes Pods becomes that much slower")
            .next("set timeoutSeconds: 2"),
        );
    }
    if !matches!(text(webhook.body, "/sideEffects"), "None" | "NoneOnDryRun") {
        found.push(
            Diagnosis::wrong(format!("{title} declares side effects"))
                .why("the API server refuses every dry run that it would be asked about")
                .next(APPLY_HINT),
        );
    }
    if webhook.name() != VALIDATE_TEMPLATES && !webhook.takes("UPDATE", "pods/ephemeralcontainers")
    {
        found.push(
            Diagnosis::wrong(format!("{title} is not asked about ephemeral containers"))
                .why("an image that `kubectl debug` adds to a Pod is not judged (CVE-2023-2727)")
                .next(APPLY_HINT),
        );
    }
    found
}
