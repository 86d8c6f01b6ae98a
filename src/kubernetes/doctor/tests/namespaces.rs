//! Namespaces that are exempt or lax, and who may make them.

use serde_json::{Value, json};

use super::super::{ExpectedCluster, ExposedPod, ObjectList, Snapshot};
use super::cluster::{expected, healthy, items, lenient, namespace, pod};
use super::whole::{assert_told, found, of, wrong};
use crate::diagnosis::Gravity;

fn with_maker(subject: &Value) -> Snapshot {
    let mut snapshot = healthy();
    snapshot.cluster_roles = items(vec![json!({
        "metadata": { "name": "self-service" },
        "rules": [{ "apiGroups": [""], "resources": ["namespaces"], "verbs": ["create"] }],
    })]);
    snapshot.cluster_role_bindings = items(vec![json!({
        "metadata": { "name": "everybody" },
        "roleRef": { "kind": "ClusterRole", "name": "self-service" },
        "subjects": [subject],
    })]);
    snapshot
}

fn developers() -> Value {
    json!({ "kind": "Group", "name": "developers" })
}

fn with_lenient(glob: &str) -> ExpectedCluster {
    ExpectedCluster {
        lenient: vec![lenient(glob)],
        ..expected()
    }
}

#[test]
fn who_may_make_a_lax_namespace_is_reported() {
    let snapshot = with_maker(&developers());
    assert_eq!(
        wrong(&snapshot, &with_lenient("legacy-*")),
        ["Group developers may make a namespace that is judged laxly: legacy-*"]
    );
    assert_eq!(wrong(&snapshot, &expected()), [""; 0]);
    assert_eq!(
        wrong(&snapshot, &with_lenient("shop")),
        [""; 0],
        "its name is taken"
    );
}

#[test]
fn an_exempt_name_that_is_free_can_be_taken() {
    let snapshot = with_maker(&developers());
    let mut expected = expected();
    expected.exempt.push("monitoring".to_owned());
    assert_told(&wrong(&snapshot, &expected), "is judged laxly: monitoring");
    let mut snapshot = snapshot;
    if let ObjectList::Items(items) = &mut snapshot.namespaces {
        items.push(namespace("monitoring"));
    }
    assert_eq!(wrong(&snapshot, &expected), [""; 0]);
}

#[test]
fn administrators_and_the_clusters_own_are_not_reported() {
    for own in [
        json!({ "kind": "Group", "name": "system:masters" }),
        json!({ "kind": "User", "name": "system:kube-controller-manager" }),
        json!({ "kind": "ServiceAccount", "namespace": "kube-system", "name": "x" }),
    ] {
        assert_eq!(wrong(&with_maker(&own), &with_lenient("legacy-*")), [""; 0]);
    }
    let everybody = json!({ "kind": "Group", "name": "system:authenticated" });
    assert_told(
        &wrong(&with_maker(&everybody), &with_lenient("legacy-*")),
        "Group system:authenticated may make",
    );
}

#[test]
fn what_runs_where_nothing_is_judged_is_noted() {
    let mut snapshot = healthy();
    if let ObjectList::Items(items) = &mut snapshot.pods {
        items.push(pod("kube-system", "dns", "registry.k8s.io/coredns:1"));
    }
    let notes = of(&found(&snapshot, &with_lenient("shop")), Gravity::Note);
    assert_told(
        &notes,
        "kube-system runs images by other names than the gateway's: registry.k8s.io/coredns:1",
    );
    assert_told(&notes, "shop holds for shop: mode audit");
}

#[test]
fn an_endless_name_does_not_hide_the_others() {
    let mut snapshot = healthy();
    if let ObjectList::Items(items) = &mut snapshot.pods {
        let endless = "a".repeat(200_000);
        items.push(pod("kube-system", "endless", &endless));
        items.push(pod("kube-system", "dns", "registry.k8s.io/coredns:1"));
    }
    let notes = of(&found(&snapshot, &expected()), Gravity::Note);
    assert_told(&notes, "aaa…, registry.k8s.io/coredns:1");
    assert!(notes.iter().all(|note| note.chars().count() < 400));
}

#[test]
fn pods_that_are_reached_in_an_internal_cluster_are_noted() {
    let mut snapshot = healthy();
    for namespace in ["shop", "kube-system"] {
        snapshot.exposed_pods.push(ExposedPod {
            namespace: namespace.to_owned(),
            pod: "web".to_owned(),
            path: "hostNetwork".to_owned(),
        });
    }
    let internal = ExpectedCluster {
        internal: true,
        ..expected()
    };
    let notes = of(&found(&snapshot, &internal), Gravity::Note);
    assert_eq!(
        notes,
        ["can be reached from outside: shop/web (hostNetwork)"]
    );
    assert_eq!(of(&found(&snapshot, &expected()), Gravity::Note), [""; 0]);
}
