use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::kit::{Answer, Asked, cluster, until};
use crate::kubernetes::client::{ExposureWatcher, WatchState, follow_cluster};
use crate::tasks::Tasks;

/// Open watches, with the plural name that each is of.
type Watches = Arc<Mutex<Vec<(String, UnboundedSender<Value>)>>>;

/// An API server with some objects, by plural name, and its open watches.
#[derive(Clone, Default)]
struct Fake {
    objects: Arc<Mutex<Vec<(&'static str, Value)>>>,
    watches: Watches,
    asked: Arc<Mutex<Vec<String>>>,
    /// The plural name of a kind, and how it is refused.
    refused: Option<(&'static str, u16)>,
}

impl Fake {
    fn answer(&self, asked: Asked) -> Answer {
        let plural = asked.path.rsplit('/').next().unwrap().to_owned();
        let line = format!("{} {}?{}", asked.method, asked.path, asked.query);
        self.asked.lock().unwrap().push(line);
        if let Some((kind, status)) = self.refused
            && kind == plural
        {
            return Answer::Refused(status, "refused on purpose");
        }
        if asked.query.contains("watch=true") {
            let (events, watch) = unbounded_channel();
            self.watches.lock().unwrap().push((plural, events));
            return Answer::Watch(watch);
        }
        let objects = self.objects.lock().unwrap();
        let of_kind = objects.iter().filter(|(kind, _)| *kind == plural);
        let items: Vec<&Value> = of_kind.map(|(_, object)| object).collect();
        Answer::Json(json!({
            "kind": "List", "apiVersion": "v1",
            "metadata": {"resourceVersion": "7"}, "items": items,
        }))
    }

    fn follow(&self, tasks: &Tasks) -> Arc<ExposureWatcher> {
        let fake = self.clone();
        let knowledge = Arc::new(ExposureWatcher::default());
        follow_cluster(&knowledge, &cluster(move |asked| fake.answer(asked)), tasks);
        knowledge
    }

    async fn watch(&self, plural: &str) -> UnboundedSender<Value> {
        until(|| {
            let watches = self.watches.lock().unwrap();
            let found = watches.iter().find(|(kind, _)| kind == plural);
            found.map(|(_, events)| events.clone())
        })
        .await
    }
}

fn object(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": kind,
        "metadata": {
            "name": name, "namespace": "shop", "labels": {"app": "web"}, "uid": name,
            "resourceVersion": "8",
        },
        "spec": spec, "status": {"anything": [1, 2]},
    })
}

fn service(kind: &str) -> Value {
    object(
        "Service",
        "web",
        json!({"type": kind, "selector": {"app": "web"}}),
    )
}

fn pod() -> Value {
    object(
        "Pod",
        "web-1",
        json!({"containers": [{"name": "main", "image": "team/web:1"}]}),
    )
}

async fn state(knowledge: &ExposureWatcher, plural: &str) -> WatchState {
    until(|| {
        let states = knowledge.states();
        let found = states.into_iter().find(|(kind, _)| *kind == plural);
        found.map(|(_, state)| state)
    })
    .await
}

#[tokio::test]
async fn knows_what_is_listed_and_follows_what_changes() {
    let (fake, tasks) = (Fake::default(), Tasks::new());
    fake.objects
        .lock()
        .unwrap()
        .push(("services", service("LoadBalancer")));
    let knowledge = fake.follow(&tasks);
    let reached = || knowledge.reached_by("shop", &pod());
    let path = until(reached).await;
    assert_eq!(path, "Service shop/web (LoadBalancer) -> Pod");
    let services = fake.watch("services").await;
    let deleted = json!({"type": "DELETED", "object": service("LoadBalancer")});
    services.send(deleted).unwrap();
    until(|| reached().is_none().then_some(())).await;
    tasks.drain(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn an_ingress_that_appears_exposes_a_running_pod() {
    let (fake, tasks) = (Fake::default(), Tasks::new());
    let objects = [("services", service("ClusterIP")), ("pods", pod())];
    fake.objects.lock().unwrap().extend(objects);
    let knowledge = fake.follow(&tasks);
    until(|| (knowledge.pod_count() == 1).then_some(())).await;
    assert_eq!(state(&knowledge, "services").await, WatchState::Current);
    assert_eq!(knowledge.newly_exposed_once(), []);
    let ingress = object(
        "Ingress",
        "front",
        json!({"defaultBackend": {"service": {"name": "web"}}}),
    );
    let added = json!({"type": "ADDED", "object": ingress});
    fake.watch("ingresses").await.send(added).unwrap();
    let newly_exposed = until(|| knowledge.newly_exposed_once().pop()).await;
    assert_eq!(
        (&*newly_exposed.namespace, &*newly_exposed.name),
        ("shop", "web-1")
    );
    assert_eq!(newly_exposed.images, ["team/web:1"]);
    let expected = "Ingress shop/front -> Service shop/web -> Pod";
    assert_eq!(newly_exposed.path.to_string(), expected);
    assert_eq!(knowledge.newly_exposed_once(), [], "told once");
    tasks.drain(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_kind_that_is_refused_is_distinguished_and_hides_nothing_else() {
    for (plural, status, expected) in [
        ("httproutes", 404, WatchState::Absent),
        (
            "ingresses",
            403,
            WatchState::Forbidden("refused on purpose".to_owned()),
        ),
        (
            "pods",
            500,
            WatchState::Failing("refused on purpose".to_owned()),
        ),
    ] {
        let tasks = Tasks::new();
        let fake = Fake {
            refused: Some((plural, status)),
            ..Fake::default()
        };
        fake.objects
            .lock()
            .unwrap()
            .push(("services", service("NodePort")));
        let knowledge = fake.follow(&tasks);
        assert_eq!(state(&knowledge, plural).await, expected);
        until(|| knowledge.reached_by("shop", &pod())).await;
        tasks.drain(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn a_watch_that_fails_keeps_what_was_known_and_goes_on() {
    let (fake, tasks) = (Fake::default(), Tasks::new());
    fake.objects
        .lock()
        .unwrap()
        .push(("services", service("NodePort")));
    let knowledge = fake.follow(&tasks);
    until(|| knowledge.reached_by("shop", &pod())).await;
    let failure =
        json!({"kind": "Status", "status": "Failure", "message": "m", "reason": "r", "code": 500});
    let error = json!({"type": "ERROR", "object": failure});
    fake.watch("services").await.send(error).unwrap();
    let is_failing = |state: &WatchState| matches!(state, WatchState::Failing(_));
    let services = || {
        let mut states = knowledge.states().into_iter();
        states.find(|(kind, _)| *kind == "services").unwrap().1
    };
    until(|| is_failing(&services()).then_some(())).await;
    assert!(knowledge.reached_by("shop", &pod()).is_some());
    let deleted = json!({"type": "DELETED", "object": service("NodePort")});
    fake.watch("services").await.send(deleted).unwrap();
    until(|| knowledge.reached_by("shop", &pod()).is_none().then_some(())).await;
    until(|| (services() == WatchState::Current).then_some(())).await;
    tasks.drain(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn lists_in_pages_and_only_pods_that_run() {
    let (fake, tasks) = (Fake::default(), Tasks::new());
    let knowledge = fake.follow(&tasks);
    for plural in ["pods", "services", "ingresses", "httproutes", "grpcroutes"] {
        assert_eq!(state(&knowledge, plural).await, WatchState::Current);
    }
    let asked = fake.asked.lock().unwrap().join("\n");
    let ended = "fieldSelector=status.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed";
    for part in [
        &format!("GET /api/v1/pods?&{ended}&limit=250") as &str,
        "GET /apis/networking.k8s.io/v1/ingresses?&limit=250",
        "GET /apis/gateway.networking.k8s.io/v1/httproutes?&limit=250",
    ] {
        assert!(asked.contains(part), "{part} not in\n{asked}");
    }
    tasks.drain(Duration::from_secs(5)).await;
}
