use jiff::Timestamp;
use sekisho::kubernetes::client::{ReconcileOutcome, WebhookReconciler};
use serde_json::{Value, json};

use super::place::Place;
use super::webhook::Webhook;
use crate::lab::or_skip;

/// Asked about one namespace alone, and never in the way.
fn configuration(namespace: &str, webhook: &Webhook) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": format!("zz-sekisho-{namespace}")},
        "webhooks": [{
            "name": "pods.validate.sekisho.internal",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "NoneOnDryRun",
            "failurePolicy": "Ignore",
            "timeoutSeconds": 2,
            "namespaceSelector": {
                "matchLabels": {"kubernetes.io/metadata.name": namespace},
            },
            "rules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"],
                "operations": ["CREATE"], "scope": "Namespaced",
            }],
            "clientConfig": {
                "url": format!("https://{}/clusters/prod/validate", webhook.address),
                "caBundle": webhook.bundle,
            },
        }],
    })
}

async fn once(arming: &mut WebhookReconciler, desired: &Value) -> ReconcileOutcome {
    let desired = std::slice::from_ref(desired);
    arming
        .once(desired, Timestamp::now())
        .await
        .remove(0)
        .outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_stands_is_repaired_and_stays_deleted() {
    let place = or_skip!(Place::new("armed"));
    let kubectl = place.kubectl();
    let kind = "validatingwebhookconfiguration";
    let name = "zz-sekisho-armed";
    let desired = configuration("armed", &Webhook::start().await);
    let mut arming = WebhookReconciler::new(place.connect().await);
    assert_eq!(once(&mut arming, &desired).await, ReconcileOutcome::Created);
    assert_eq!(once(&mut arming, &desired).await, ReconcileOutcome::InForce);

    let theirs = ["annotate", kind, name, "theirs=1"];
    kubectl.run(&theirs).expect_ok();
    assert_eq!(once(&mut arming, &desired).await, ReconcileOutcome::InForce);
    let path = r#"[{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Fail"}]"#;
    let patch = ["patch", kind, name, "--type=json", "-p", path];
    kubectl.run(&patch).expect_ok();
    let drift = "/webhooks/0/failurePolicy".to_owned();
    assert_eq!(
        once(&mut arming, &desired).await,
        ReconcileOutcome::Repaired(drift)
    );
    let object = kubectl.get(&[kind, name]).unwrap();
    assert_eq!(object["webhooks"][0]["failurePolicy"], "Ignore");
    assert_eq!(object["metadata"]["annotations"]["theirs"], "1");

    kubectl.run(&["delete", kind, name]).expect_ok();
    assert_eq!(
        once(&mut arming, &desired).await,
        ReconcileOutcome::LeftDeleted
    );
    assert_eq!(kubectl.get(&[kind, name]), None);
    let mut anew = WebhookReconciler::new(place.connect().await);
    assert_eq!(once(&mut anew, &desired).await, ReconcileOutcome::Created);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_bundle_is_published_once_the_webhook_answers_under_it() {
    let place = or_skip!(Place::new("rotated"));
    let [first, second] = [Webhook::start().await, Webhook::start().await];
    let mut arming = WebhookReconciler::new(place.connect().await);
    let desired = configuration("rotated", &first);
    assert_eq!(once(&mut arming, &desired).await, ReconcileOutcome::Created);
    let mut early = desired.clone();
    early["webhooks"][0]["clientConfig"]["caBundle"] = json!(second.bundle);
    let outcome = once(&mut arming, &early).await;
    assert!(
        matches!(outcome, ReconcileOutcome::NotAnswered(_)),
        "{outcome:?}"
    );
    assert_eq!(once(&mut arming, &desired).await, ReconcileOutcome::InForce);
    let rotated = configuration("rotated", &second);
    let drift = "/webhooks/0/clientConfig/caBundle".to_owned();
    assert_eq!(
        once(&mut arming, &rotated).await,
        ReconcileOutcome::Repaired(drift)
    );
}
