use std::sync::Arc;

use sekisho::kubernetes::client::{ExposureWatcher, KubernetesClient, WatchState, follow_cluster};
use sekisho::tasks::Tasks;
use serde_json::{Value, json};

use super::place::{Place, soon};
use crate::lab::or_skip;

const POD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: HERE, labels: {app: web}}
spec: {containers: [{name: main, image: 'registry.corp/team/web:1'}]}
";
const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: {name: web, namespace: HERE}
spec: {selector: {app: web}, ports: [{port: 80}]}
";
const INGRESS: &str = "
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front, namespace: HERE}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}
";

/// What follows a cluster, and what is known of it.
fn follow(cluster: &KubernetesClient) -> (Arc<ExposureWatcher>, Tasks) {
    let (knowledge, tasks) = (Arc::new(ExposureWatcher::default()), Tasks::new());
    follow_cluster(&knowledge, cluster, &tasks);
    (knowledge, tasks)
}

fn web() -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}})
}

async fn settled(knowledge: &ExposureWatcher) -> Vec<(&'static str, WatchState)> {
    let all = || Some(knowledge.states()).filter(|states| states.len() == 5);
    soon("every kind", all).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ingress_that_appears_exposes_a_pod_that_runs() {
    let place = or_skip!(Place::new("raised"));
    place.create(&format!("{POD}---{SERVICE}"));
    let (knowledge, _tasks) = follow(&place.connect().await);
    settled(&knowledge).await;
    let ours = |knowledge: &ExposureWatcher| {
        let raised = knowledge.newly_exposed_once().into_iter();
        raised
            .filter(|it| *it.namespace == *"raised")
            .collect::<Vec<_>>()
    };
    soon("the Pod", || (knowledge.pod_count() > 0).then_some(())).await;
    assert_eq!(ours(&knowledge), []);
    assert_eq!(knowledge.reached_by("raised", &web()), None);
    place.create(INGRESS);
    let raised = soon("the way", || ours(&knowledge).pop()).await;
    let expected = "Ingress raised/front -> Service raised/web -> Pod";
    assert_eq!(raised.path.to_string(), expected);
    assert_eq!(&*raised.name, "web-1");
    assert_eq!(raised.images, ["registry.corp/team/web:1"]);
    let reached = knowledge.reached_by("raised", &web());
    assert_eq!(reached.as_deref(), Some(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_opened_and_closed_is_followed() {
    let place = or_skip!(Place::new("opened"));
    place.create(&SERVICE.replace("selector", "type: NodePort, selector"));
    let (knowledge, _tasks) = follow(&place.connect().await);
    let reached = || knowledge.reached_by("opened", &web());
    let way = soon("the Service", reached).await;
    assert_eq!(way, "Service opened/web (NodePort) -> Pod");
    let delete = ["delete", "service", "web", "-n", "opened"];
    place.kubectl().run(&delete).expect_ok();
    soon("its end", || reached().is_none().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_without_the_gateway_api_has_no_such_kind() {
    let place = or_skip!(Place::new("plain"));
    let (knowledge, _tasks) = follow(&place.connect().await);
    for (kind, state) in settled(&knowledge).await {
        let expected = match kind {
            "httproutes" | "grpcroutes" => WatchState::Absent,
            _ => WatchState::Current,
        };
        assert_eq!(state, expected, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_rights_nothing_is_known_and_the_server_says_why() {
    let place = or_skip!(Place::new("forbidden"));
    place.create(&SERVICE.replace("selector", "type: NodePort, selector"));
    let (knowledge, _tasks) = follow(&place.connect_without_rights().await);
    for (kind, state) in settled(&knowledge).await {
        let WatchState::Forbidden(why) = state else {
            panic!("{kind}: {state:?}")
        };
        assert!(why.contains("cannot list resource"), "{why}");
    }
    assert_eq!(knowledge.reached_by("forbidden", &web()), None);
}
