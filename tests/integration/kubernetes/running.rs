//! Pods that come through the webhook and run, and owners whose Pods do not.

use std::time::Duration;

use serde_json::Value;

use super::cluster::Cluster;
use super::guarded::{ENFORCED, pod};
use crate::lab::or_skip;

const WITHIN: Duration = Duration::from_secs(60);
const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: unscanned, namespace: enforced}
spec:
  selector: {matchLabels: {app: unscanned}}
  template:
    metadata: {labels: {app: unscanned}}
    spec: {containers: [{name: main, image: \"team/other:1\"}]}
";

#[test]
fn a_pod_with_a_bare_name_is_rewritten_pulled_through_the_gateway_and_runs() {
    let cluster = or_skip!(Cluster::shared());
    let image = cluster.site.image("team/sleeper");
    cluster.admit(&image);
    let kubectl = cluster.kubectl();
    kubectl.applied(&pod(ENFORCED, "bare", "team/sleeper:1"));
    let pod = kubectl.wait(&["pod", "bare", "-n", ENFORCED], WITHIN, |pod| {
        pod["status"]["phase"] == "Running"
    });
    let named = format!("{}@{}", cluster.named("team/sleeper:1"), image.digest);
    assert_eq!(pod["spec"]["containers"][0]["image"], named);
    let at_gateway = format!("{}@{}", cluster.named("team/sleeper"), image.digest);
    let images = cluster.node.images();
    assert!(images.contains(&at_gateway), "{images}");
}

fn is_ours(event: &Value) -> bool {
    event["reportingComponent"] == "sekisho" && event["involvedObject"]["kind"] == "ReplicaSet"
}

#[test]
fn the_replica_set_of_a_denied_pod_gets_an_event() {
    let cluster = or_skip!(Cluster::shared());
    let kubectl = cluster.kubectl();
    kubectl.applied(DEPLOYMENT);
    let is_told = |events: &Value| {
        let all = events["items"].as_array().unwrap();
        all.iter().any(is_ours)
    };
    let events = kubectl.wait(&["events", "-n", ENFORCED], WITHIN, is_told);
    let mut events = events["items"].as_array().unwrap().iter();
    let told = events.find(|event| is_ours(event)).unwrap();
    assert_eq!(
        (&told["type"], &told["reason"]),
        (&"Warning".into(), &"PodDenied".into())
    );
    let message = told["message"].as_str().unwrap();
    assert!(message.contains(": not-scanned: "), "{message}");
    let owner = told["involvedObject"]["name"].as_str().unwrap();
    assert!(owner.starts_with("unscanned-"), "{owner}");
    let denial = cluster.denial(ENFORCED, &format!("ReplicaSet/{owner}"));
    assert_eq!(denial["verdict"], "denied");
}
