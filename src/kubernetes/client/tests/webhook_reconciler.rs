use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::kit::{Answer, Asked, cluster};
use super::webhook::{Authority, allowed, allowed_for_another};
use crate::kubernetes::client::probe::endpoints;
use crate::kubernetes::client::{KubernetesClient, ReconcileOutcome, WebhookReconciler};
use crate::tasks::Tasks;

/// An API server that keeps objects by their path, and every write.
#[derive(Clone, Default)]
struct Fake {
    objects: Arc<Mutex<BTreeMap<String, Value>>>,
    written: Arc<Mutex<Vec<Value>>>,
    refuses: bool,
}

const PATH: &str =
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/zz-sekisho-prod";

impl Fake {
    fn answer(&self, asked: Asked) -> Answer {
        if self.refuses {
            return Answer::Refused(403, "not allowed to patch");
        }
        let mut objects = self.objects.lock().unwrap();
        if asked.method == Method::PATCH {
            assert!(
                asked.query.contains("fieldManager=sekisho"),
                "{}",
                asked.query
            );
            self.written.lock().unwrap().push(asked.body.clone());
            let mut object = asked.body;
            object["metadata"]["uid"] = json!("u-1");
            objects.insert(asked.path.clone(), object);
        }
        match objects.get(&asked.path) {
            Some(object) => Answer::Json(object.clone()),
            None => Answer::Refused(404, "not found"),
        }
    }

    fn cluster(&self) -> KubernetesClient {
        let fake = self.clone();
        cluster(move |asked| fake.answer(asked))
    }

    fn writes(&self) -> usize {
        self.written.lock().unwrap().len()
    }
}

fn configuration(address: SocketAddr, bundle: &str) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "zz-sekisho-prod"},
        "webhooks": [{
            "name": "pods.validate.sekisho.internal",
            "failurePolicy": "Ignore",
            "clientConfig": {
                "url": format!("https://{address}/clusters/prod/validate"),
                "caBundle": bundle,
            },
        }],
    })
}

async fn once(reconciler: &mut WebhookReconciler, desired: &Value) -> ReconcileOutcome {
    let mut reconciled = reconciler
        .once(std::slice::from_ref(desired), Timestamp::UNIX_EPOCH)
        .await;
    let reconciled = reconciled.pop().unwrap();
    let expected = "validatingwebhookconfigurations/zz-sekisho-prod";
    assert_eq!(reconciled.configuration, expected);
    reconciled.outcome
}

#[tokio::test]
async fn is_in_force_once_the_webhook_has_answered() {
    let (tasks, authority, fake) = (Tasks::new(), Authority::new(), Fake::default());
    let address = authority.serve(&tasks, allowed).await;
    let desired = configuration(address, &authority.bundle);
    let mut reconciler = WebhookReconciler::new(fake.cluster());
    assert_eq!(
        once(&mut reconciler, &desired).await,
        ReconcileOutcome::Created
    );
    assert_eq!(
        once(&mut reconciler, &desired).await,
        ReconcileOutcome::InForce
    );
    assert_eq!(fake.writes(), 1);
    assert_eq!(
        fake.objects.lock().unwrap()[PATH]["webhooks"],
        desired["webhooks"]
    );
    tasks.drain(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn nothing_is_written_before_the_webhook_answers() {
    let (tasks, authority, other) = (Tasks::new(), Authority::new(), Authority::new());
    let address = authority.serve(&tasks, allowed).await;
    let odd = authority.serve(&tasks, allowed_for_another).await;
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    for (desired, expected) in [
        (configuration(nobody, &authority.bundle), "refused"),
        (configuration(address, &other.bundle), "certificate"),
        (configuration(address, "AAAA"), "holds no certificate"),
        (
            configuration(odd, &authority.bundle),
            "not for the question",
        ),
        (
            json!({
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "ValidatingWebhookConfiguration",
                "metadata": {"name": "zz-sekisho-prod"},
            }),
            "names no webhook",
        ),
    ] {
        let fake = Fake::default();
        let outcome = once(&mut WebhookReconciler::new(fake.cluster()), &desired).await;
        let ReconcileOutcome::NotAnswered(why) = outcome else {
            panic!("{outcome:?}")
        };
        assert!(why.contains(expected), "{why}");
        assert_eq!(fake.writes(), 0);
    }
    tasks.drain(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn what_drifted_is_repaired_and_what_others_added_stays() {
    let (tasks, authority, fake) = (Tasks::new(), Authority::new(), Fake::default());
    let address = authority.serve(&tasks, allowed).await;
    let desired = configuration(address, &authority.bundle);
    let mut current = desired.clone();
    current["metadata"]["uid"] = json!("u-1");
    current["webhooks"][0]["timeoutSeconds"] = json!(10);
    fake.objects
        .lock()
        .unwrap()
        .insert(PATH.to_owned(), current.clone());
    let mut reconciler = WebhookReconciler::new(fake.cluster());
    assert_eq!(
        once(&mut reconciler, &desired).await,
        ReconcileOutcome::InForce
    );
    current["webhooks"][0]["clientConfig"]["caBundle"] = json!("b2xk");
    fake.objects
        .lock()
        .unwrap()
        .insert(PATH.to_owned(), current);
    let drift = "/webhooks/0/clientConfig/caBundle".to_owned();
    assert_eq!(
        once(&mut reconciler, &desired).await,
        ReconcileOutcome::Repaired(drift)
    );
    let written = fake.written.lock().unwrap().pop().unwrap();
    assert_eq!(written["metadata"]["uid"], "u-1", "never made anew");
    tasks.drain(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_bundle_that_nobody_answers_under_is_not_published() {
    let (tasks, authority, other) = (Tasks::new(), Authority::new(), Authority::new());
    let fake = Fake::default();
    let address = authority.serve(&tasks, allowed).await;
    let current = configuration(address, &authority.bundle);
    fake.objects
        .lock()
        .unwrap()
        .insert(PATH.to_owned(), current);
    let desired = configuration(address, &other.bundle);
    let outcome = once(&mut WebhookReconciler::new(fake.cluster()), &desired).await;
    assert!(
        matches!(outcome, ReconcileOutcome::NotAnswered(_)),
        "{outcome:?}"
    );
    assert_eq!(fake.writes(), 0);
    tasks.drain(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn what_somebody_deleted_stays_deleted_until_a_new_start() {
    let (tasks, authority, fake) = (Tasks::new(), Authority::new(), Fake::default());
    let address = authority.serve(&tasks, allowed).await;
    let desired = configuration(address, &authority.bundle);
    let mut reconciler = WebhookReconciler::new(fake.cluster());
    assert_eq!(
        once(&mut reconciler, &desired).await,
        ReconcileOutcome::Created
    );
    fake.objects.lock().unwrap().clear();
    for _ in 0..2 {
        assert_eq!(
            once(&mut reconciler, &desired).await,
            ReconcileOutcome::LeftDeleted
        );
    }
    assert_eq!(fake.writes(), 1);
    let mut anew = WebhookReconciler::new(fake.cluster());
    assert_eq!(once(&mut anew, &desired).await, ReconcileOutcome::Created);
    tasks.drain(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn says_why_the_api_server_refused() {
    let fake = Fake {
        refuses: true,
        ..Fake::default()
    };
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let outcome = once(
        &mut WebhookReconciler::new(fake.cluster()),
        &configuration(nobody, ""),
    )
    .await;
    assert_eq!(
        outcome,
        ReconcileOutcome::Failed("not allowed to patch".to_owned())
    );
}

#[test]
fn a_service_is_asked_under_the_name_that_the_api_server_uses() {
    let service =
        json!({"namespace": "sekisho", "name": "sekisho", "path": "/clusters/prod/mutate"});
    let webhook = json!({"clientConfig": {"service": service}});
    let found = endpoints(&json!({"webhooks": [webhook, webhook]})).unwrap();
    assert_eq!(found.len(), 1, "asked once");
    let url = "https://sekisho.sekisho.svc:443/clusters/prod/mutate";
    assert!(format!("{found:?}").contains(url), "{found:?}");
    assert!(endpoints(&json!({"webhooks": [{"clientConfig": {}}]})).is_err());
}
