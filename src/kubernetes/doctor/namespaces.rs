//! Namespaces that are exempt, or in `audit` or `warn`: what runs there, and who could
//! create another one.

use super::expected::{ExpectedCluster, LenientNamespaces};
use super::listed::some_of;
use super::pod::images_of;
use super::rights::may_make_namespaces;
use super::snapshot::{ObjectList, Snapshot, name_of, namespace_of};
use crate::diagnosis::Diagnosis;

pub(super) fn judge(snapshot: &Snapshot, expected: &ExpectedCluster) -> Vec<Diagnosis> {
    let mut found: Vec<Diagnosis> = expected
        .exempt_namespaces(snapshot)
        .into_iter()
        .filter(|name| *name != expected.namespace)
        .filter_map(|name| runs_in(snapshot, expected, name))
        .collect();
    found.extend(
        expected
            .lenient
            .iter()
            .filter_map(|lenient| runs_under(snapshot, lenient)),
    );
    let makers = makers(snapshot, expected);
    found.extend(open_names(snapshot, expected, &makers));
    found
}

/// Images of an exempt namespace that do not come through the gateway.
fn runs_in(snapshot: &Snapshot, expected: &ExpectedCluster, namespace: &str) -> Option<Diagnosis> {
    let pods = snapshot.pods.items().iter();
    let at_gateway = format!("{}/", expected.gateway);
    let mut images: Vec<String> = pods
        .filter(|pod| namespace_of(pod) == namespace)
        .flat_map(images_of)
        .filter(|image| !image.starts_with(&at_gateway))
        .collect();
    images.sort();
    images.dedup();
    (!images.is_empty()).then(|| {
        Diagnosis::note(format!(
            "the exempt namespace {namespace} runs images by other names than the gateway's: {}",
            some_of(&images)
        ))
        .why("admission does not judge them; only the nodes' mirror files and firewall do")
        .next("prove the nodes with `sekisho doctor node`, or end the exemption")
    })
}

fn runs_under(snapshot: &Snapshot, lenient: &LenientNamespaces) -> Option<Diagnosis> {
    let names: Vec<String> = snapshot
        .namespaces
        .items()
        .iter()
        .map(|namespace| name_of(namespace).to_owned())
        .filter(|name| lenient.matches(name))
        .collect();
    (!names.is_empty()).then(|| {
        let patterns = lenient.globs.join(", ");
        Diagnosis::note(format!(
            "{patterns} holds for {}: mode {}",
            some_of(&names),
            lenient.mode
        ))
        .why("what would be denied runs there")
        .next("narrow the pattern when these namespaces are ready")
    })
}

fn makers(snapshot: &Snapshot, expected: &ExpectedCluster) -> Vec<String> {
    may_make_namespaces(
        snapshot.cluster_roles.items(),
        snapshot.cluster_role_bindings.items(),
        &expected.namespace,
    )
}

/// Whoever may create namespaces can choose a name that is exempt.
fn open_names(
    snapshot: &Snapshot,
    expected: &ExpectedCluster,
    makers: &[String],
) -> Vec<Diagnosis> {
    let open: Vec<String> = free_names(snapshot, expected);
    if open.is_empty() || makers.is_empty() {
        return Vec::new();
    }
    vec![
        Diagnosis::wrong(format!(
            "{} may make a namespace that is judged laxly: {}",
            some_of(makers),
            some_of(&open)
        ))
        .why("a new namespace by such a name runs what is denied elsewhere")
        .next(
            "let only your platform make namespaces, make the exempt ones yourself, or write \
             exact names instead of patterns",
        ),
    ]
}

/// Patterns, and exempt names that no namespace has.
fn free_names(snapshot: &Snapshot, expected: &ExpectedCluster) -> Vec<String> {
    let patterns = expected
        .lenient
        .iter()
        .flat_map(|lenient| lenient.globs.iter());
    let free = |name: &&str| match &snapshot.namespaces {
        ObjectList::Items(_) => snapshot.namespaces.named(name).is_none(),
        ObjectList::NoSuchKind | ObjectList::Unknown(_) => false,
    };
    let exempt = expected.exempt_namespaces(snapshot);
    let exempt = exempt.into_iter().filter(free);
    let patterns = patterns.filter(|glob| is_free(glob, snapshot));
    patterns.cloned().chain(exempt.map(str::to_owned)).collect()
}

/// A pattern always leaves names; one exact name only while it is not taken.
fn is_free(glob: &str, snapshot: &Snapshot) -> bool {
    glob.contains(['*', '?', '[', '{']) || snapshot.namespaces.named(glob).is_none()
}
