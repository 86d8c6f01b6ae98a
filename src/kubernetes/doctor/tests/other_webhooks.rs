//! Webhooks of others, and how long all together may take.

use serde_json::json;

use super::super::Snapshot;
use super::cluster::{add, expected, healthy, other_webhook, webhook_mut};
use super::whole::{assert_told, found, of, wrong};
use crate::diagnosis::Gravity;

fn with(change: impl FnOnce(&mut serde_json::Value)) -> Snapshot {
    let mut snapshot = healthy();
    let mut webhook = other_webhook("inject.mesh.example");
    change(&mut webhook);
    add(&mut snapshot.validating, "mesh", vec![webhook]);
    snapshot
}

#[test]
fn a_fatal_webhook_over_our_namespace_is_reported() {
    let told = wrong(&with(|_| {}), &expected());
    assert_eq!(
        told,
        ["mesh/inject.mesh.example can keep Sekisho's Pods from being made"]
    );
}

#[test]
fn two_fatal_webhooks_that_hold_each_other_are_a_deadlock() {
    let mut snapshot = with(|_| {});
    webhook_mut(&mut snapshot, "pods.validate.sekisho.internal")["failurePolicy"] = json!("Fail");
    assert_told(
        &wrong(&snapshot, &expected()),
        "mesh/inject.mesh.example and Sekisho wait for each other",
    );
}

#[test]
fn webhooks_that_leave_our_pods_alone_are_not_reported() {
    for change in [
        json!({"namespaceSelector": {"matchExpressions": [{
            "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["sekisho"]}]}}),
        json!({"namespaceSelector": {"matchLabels": {"mesh": "on"}}}),
        json!({"objectSelector": {"matchExpressions": [{"key": "mesh", "operator": "Exists"}]}}),
        json!({"rules": [{"operations": ["CREATE"], "apiGroups": ["apps"], "resources": ["*"]}]}),
        json!({"rules": [{"operations": ["DELETE"], "apiGroups": [""], "resources": ["pods"]}]}),
    ] {
        let snapshot = with(|webhook| {
            for (key, value) in change.as_object().unwrap() {
                webhook[key] = value.clone();
            }
        });
        let all = found(&snapshot, &expected());
        assert!(
            all.iter().all(|found| !found.what.contains("mesh")),
            "{change}: {all:#?}"
        );
    }
}

#[test]
fn one_that_is_ignored_while_it_is_down_is_only_noted() {
    let snapshot = with(|webhook| webhook["failurePolicy"] = json!("Ignore"));
    assert_eq!(wrong(&snapshot, &expected()), [""; 0]);
    let notes = of(&found(&snapshot, &expected()), Gravity::Note);
    assert_told(&notes, "is asked about Sekisho's Pods");
}

#[test]
fn conditions_that_are_not_evaluated_are_said() {
    let snapshot = with(|webhook| {
        webhook["matchConditions"] = json!([{"name": "x", "expression": "false"}]);
    });
    assert_told(
        &wrong(&snapshot, &expected()),
        "(unless its matchConditions say otherwise)",
    );
}

#[test]
fn waits_that_add_up_to_the_request_are_reported() {
    let slow = |name: &str, seconds: u64| {
        let mut webhook = other_webhook(name);
        webhook["failurePolicy"] = json!("Ignore");
        webhook["timeoutSeconds"] = json!(seconds);
        webhook["namespaceSelector"] = json!({"matchExpressions": [{
            "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["sekisho"]}]});
        webhook
    };
    let told = |mutating: Vec<_>, validating: Vec<_>| {
        let mut snapshot = healthy();
        add(&mut snapshot.mutating, "slow-m", mutating);
        add(&mut snapshot.validating, "slow-v", validating);
        wrong(&snapshot, &expected())
    };
    let ten = |name| slow(name, 10);
    assert_eq!(told(vec![ten("a"), ten("b")], vec![ten("c")]), [""; 0]);
    let long = told(vec![ten("a"), ten("b"), ten("c")], vec![ten("d"), ten("e")]);
    assert_eq!(
        long,
        ["webhooks may keep a new Pod waiting for 42 s, and the API server waits 34 s"]
    );
}
