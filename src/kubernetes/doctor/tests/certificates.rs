//! What the API server would make of our certificate.

use serde_json::json;

use super::super::WebhookProbe;
use super::cluster::{certificates, expected, healthy, items, secret, webhook_mut};
use super::whole::{assert_told, wrong};

const WEBHOOKS: [&str; 3] = [
    "pods.mutate.sekisho.internal",
    "pods.validate.sekisho.internal",
    "templates.validate.sekisho.internal",
];

/// What is wrong when the Secret holds this leaf and the configurations this bundle.
fn judged(bundle: &str, leaf: &str) -> Vec<String> {
    let mut snapshot = healthy();
    snapshot.secrets = items(vec![secret(leaf)]);
    for name in WEBHOOKS {
        webhook_mut(&mut snapshot, name)["clientConfig"]["caBundle"] = json!(bundle);
    }
    wrong(&snapshot, &expected())
}

#[test]
fn a_bundle_of_another_authority_is_reported_once() {
    let [old, new] = [(2030, 1, 1); 2].map(|until| certificates("sekisho.sekisho.svc", until));
    assert_eq!(judged(&new.bundle, &new.leaf), [""; 0]);
    let wrong = judged(&old.bundle, &new.leaf);
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert_told(&wrong, "the API server does not believe zz-sekisho-prod");
}

#[test]
fn a_certificate_that_ended_or_ends_soon_is_reported() {
    let ended = certificates("sekisho.sekisho.svc", (2026, 5, 31));
    assert_told(&judged(&ended.bundle, &ended.leaf), "does not believe");
    let soon = certificates("sekisho.sekisho.svc", (2026, 6, 4));
    assert_told(&judged(&soon.bundle, &soon.leaf), "ends within a week");
}

#[test]
fn a_certificate_for_another_name_is_reported() {
    let other = certificates("sekisho.other.svc", (2030, 1, 1));
    assert_told(&judged(&other.bundle, &other.leaf), "does not believe");
}

#[test]
fn a_missing_or_broken_bundle_is_reported() {
    let good = certificates("sekisho.sekisho.svc", (2030, 1, 1));
    assert_told(&judged("bm90aGluZw==", &good.leaf), "does not believe");
    let mut snapshot = healthy();
    let client = &mut webhook_mut(&mut snapshot, WEBHOOKS[0])["clientConfig"];
    client.as_object_mut().unwrap().remove("caBundle");
    assert_told(&wrong(&snapshot, &expected()), "has no caBundle");
}

#[test]
fn a_webhook_that_does_not_answer_the_doctor_is_reported() {
    let mut snapshot = healthy();
    snapshot.probes = vec![WebhookProbe {
        who: "zz-sekisho-prod".to_owned(),
        problem: Some("connection refused".to_owned()),
    }];
    assert_told(
        &wrong(&snapshot, &expected()),
        "does not answer as a webhook must",
    );
}
