//! Sekisho's own Pods: whether they are spread, and whether they let go of a node.

use serde_json::{Value, json};

use super::super::Snapshot;
use super::cluster::{expected, healthy, items};
use super::whole::{assert_told, found, of, wrong};
use crate::diagnosis::Gravity;

fn labels() -> Value {
    json!({ "app.kubernetes.io/name": "sekisho" })
}

fn deployment(replicas: u64) -> Value {
    json!({
        "metadata": { "name": "sekisho", "namespace": "sekisho" },
        "spec": {
            "replicas": replicas,
            "strategy": { "type": "RollingUpdate" },
            "selector": { "matchLabels": labels() },
            "template": { "metadata": { "labels": labels() } },
        },
    })
}

fn budget(key: &str, amount: Value) -> Value {
    json!({
        "metadata": { "name": "budget", "namespace": "sekisho" },
        "spec": { key: amount, "selector": { "matchLabels": labels() } },
    })
}

fn on(node: &str) -> Value {
    json!({
        "metadata": { "name": format!("on-{node}"), "namespace": "sekisho", "labels": labels() },
        "spec": { "nodeName": node, "containers": [] },
    })
}

/// Two replicas on two nodes, with the budget of the chart.
fn spread() -> Snapshot {
    let mut snapshot = healthy();
    snapshot.deployments = items(vec![deployment(2)]);
    snapshot.budgets = items(vec![budget("maxUnavailable", json!(1))]);
    snapshot.pods = items(vec![on("a"), on("b")]);
    snapshot
}

#[test]
fn two_pods_on_two_nodes_are_well() {
    assert_eq!(wrong(&spread(), &expected()), [""; 0]);
}

#[test]
fn pods_that_share_one_node_are_reported() {
    let mut snapshot = spread();
    snapshot.pods = items(vec![on("a"), on("a")]);
    assert_told(
        &wrong(&snapshot, &expected()),
        "all 2 Pods of Sekisho run on the node a",
    );
}

#[test]
fn a_pod_that_ends_is_not_counted() {
    let mut snapshot = spread();
    let mut ending = on("b");
    ending["metadata"]["deletionTimestamp"] = json!("2026-06-01T00:00:00Z");
    snapshot.pods = items(vec![on("a"), on("a"), ending]);
    assert_told(&wrong(&snapshot, &expected()), "on the node a");
}

#[test]
fn a_budget_that_blocks_every_drain_is_reported() {
    for (key, amount) in [
        ("minAvailable", json!(2)),
        ("minAvailable", json!("100%")),
        ("maxUnavailable", json!(0)),
        ("maxUnavailable", json!("0%")),
    ] {
        let mut snapshot = spread();
        snapshot.budgets = items(vec![budget(key, amount)]);
        assert_told(
            &wrong(&snapshot, &expected()),
            "budget lets no Pod of Sekisho go",
        );
    }
    for (key, amount) in [("minAvailable", json!(1)), ("maxUnavailable", json!("50%"))] {
        let mut snapshot = spread();
        snapshot.budgets = items(vec![budget(key, amount)]);
        assert_eq!(wrong(&snapshot, &expected()), [""; 0]);
    }
}

#[test]
fn a_budget_of_others_is_not_ours() {
    let mut snapshot = spread();
    let mut other = budget("maxUnavailable", json!(0));
    other["spec"]["selector"]["matchLabels"] = json!({ "app": "db" });
    snapshot.budgets = items(vec![other]);
    assert_eq!(wrong(&snapshot, &expected()), [""; 0]);
}

#[test]
fn a_replica_that_finds_no_node_is_reported() {
    let mut snapshot = spread();
    let mut lacking = deployment(2);
    lacking["status"] = json!({ "unavailableReplicas": 1 });
    snapshot.deployments = items(vec![lacking]);
    assert_told(
        &wrong(&snapshot, &expected()),
        "1 of 2 Pods of Sekisho are not available",
    );
}

#[test]
fn an_autoscaler_that_may_leave_one_or_that_does_not_scale_is_reported() {
    let scaler = |least: u64, conditions: Value| {
        json!({
            "metadata": { "name": "scaler" },
            "spec": { "minReplicas": least, "scaleTargetRef": { "name": "sekisho" } },
            "status": { "conditions": conditions },
        })
    };
    let blind = json!([{ "type": "ScalingActive", "status": "False", "message": "no metrics" }]);
    for (scaler, told) in [
        (scaler(1, json!([])), "may leave one Pod"),
        (scaler(2, blind), "does not scale"),
    ] {
        let mut snapshot = spread();
        snapshot.autoscalers = items(vec![scaler]);
        assert_told(&wrong(&snapshot, &expected()), told);
    }
}

#[test]
fn one_pod_over_a_file_is_worth_knowing_and_not_wrong() {
    let mut snapshot = spread();
    let mut one = deployment(1);
    one["spec"]["strategy"]["type"] = json!("Recreate");
    snapshot.deployments = items(vec![one]);
    snapshot.pods = items(vec![on("a")]);
    assert_eq!(wrong(&snapshot, &expected()), [""; 0]);
    let notes = of(&found(&snapshot, &expected()), Gravity::Note);
    assert_told(&notes, "one Pod of Sekisho serves");
}
