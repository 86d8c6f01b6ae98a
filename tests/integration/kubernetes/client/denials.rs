use jiff::{SignedDuration, Timestamp};
use sekisho::kubernetes::client::{DenialEvents, DeniedPod};
use sekisho::kubernetes::exposure::Owner;
use sekisho::tasks::Tasks;
use serde_json::Value;

use super::place::{Place, soon};
use crate::lab::or_skip;

const REPLICA_SET: &str = "
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web-7d9f, namespace: HERE}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: 'registry.corp/team/web:1'}]}
";

#[tokio::test(flavor = "multi_thread")]
async fn describe_shows_the_owner_why_its_pods_are_denied() {
    let place = or_skip!(Place::new("denied"));
    place.create(REPLICA_SET);
    let kubectl = place.kubectl();
    let found = kubectl
        .get(&["replicaset", "web-7d9f", "-n", "denied"])
        .unwrap();
    let denied = DeniedPod {
        namespace: "denied".to_owned(),
        owner: Owner {
            api_version: "apps/v1".to_owned(),
            kind: "ReplicaSet".to_owned(),
            name: "web-7d9f".to_owned(),
            uid: found["metadata"]["uid"].as_str().unwrap().to_owned(),
        },
        reason: "not-scanned".to_owned(),
        message: "denied: [not-scanned] registry.corp/team/web:1".to_owned(),
    };
    let tasks = Tasks::new();
    let denials = DenialEvents::spawn(place.connect().await, &tasks);
    let now = Timestamp::now();
    for minutes in [0, 2] {
        denials.record(denied.clone(), now + SignedDuration::from_mins(minutes));
    }
    let events = ["events.events.k8s.io", "-n", "denied"];
    let counted = || {
        let events = kubectl.get(&events)?;
        let event = events["items"].get(0)?.clone();
        (event["series"]["count"] == 2).then_some(event)
    };
    let event: Value = soon("the event", counted).await;
    assert_eq!(event["reason"], "PodDenied");
    let describe = ["describe", "replicaset", "web-7d9f", "-n", "denied"];
    let described = kubectl.run(&describe).expect_ok();
    assert!(described.contains("[not-scanned]"), "{described}");
    assert_eq!(denials.dropped(), 0);
}
