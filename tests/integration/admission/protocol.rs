//! The protocol: every review is answered, with its uid and HTTP 200.

use sekisho::admission::NamespacePolicy;
use sekisho::trust::{Exposure, Mode};
use serde_json::{Value, json};

use super::door::cluster;
use super::{Door, pod, review};
use crate::kit::World;

fn answer(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(body)))
}

#[tokio::test]
async fn an_unreadable_review_is_answered_with_its_uid() {
    let world = World::start().await;
    let door = Door::open(&world);
    let review = review(json!({"object": pod(&["nginx"]), "uid": "u-7"})).to_string();
    let cut = &review[..review.len() - 3];
    let mistyped = review.replace("\"operation\":\"CREATE\"", "\"operation\":7");
    let deep = review.replace(
        "\"oldObject\":null",
        &format!("\"oldObject\":{}{}", "[".repeat(5000), "]".repeat(5000)),
    );
    for body in [cut, &mistyped, &deep] {
        let (status, answered) = door.send("/clusters/prod/validate", body.to_owned()).await;
        assert_eq!(status, 200);
        let response = &answer(&answered)["response"];
        assert_eq!(
            (&response["uid"], &response["allowed"]),
            (&json!("u-7"), &json!(false))
        );
        assert_eq!(response["status"]["code"], 400);
        let (status, answered) = door.send("/clusters/prod/mutate", body.to_owned()).await;
        assert_eq!(status, 200);
        let rewritten = &answer(&answered)["response"];
        assert_eq!(*rewritten, json!({"uid": "u-7", "allowed": true}));
    }
}

/// Of an object that cannot be read, too, only a Pod is held up, and only where Pods are.
#[tokio::test]
async fn an_unreadable_review_denies_a_pod_alone_and_by_the_mode() {
    let world = World::start().await;
    let mut cluster = cluster(Exposure::External);
    cluster.exempt = vec!["own".to_owned()];
    cluster.namespaces = vec![NamespacePolicy {
        namespaces: globset::GlobSet::new([globset::Glob::new("legacy").unwrap()]).unwrap(),
        mode: Some(Mode::Audit),
        rewrite: true,
    }];
    let door = Door::of(&world, cluster);
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let template = json!({"group": "apps", "version": "v1", "kind": "Deployment"});
    let on = json!({"group": "", "version": "v1", "kind": "Pod"});
    for (kind, namespace, is_allowed) in [
        (&on, "shop", false),
        (&on, "legacy", true),
        (&on, "own", true),
        (&template, "shop", true),
    ] {
        let fields = json!({"kind": kind, "namespace": namespace, "object": "deep"});
        let unreadable = review(fields).to_string().replace("\"deep\"", &deep);
        let tried = door.validate_text(unreadable).await;
        assert_eq!(tried.allowed(), is_allowed, "{kind} in {namespace}");
        let told = [tried.warnings(), vec![tried.message()]].concat().join("");
        assert!(told.contains("cannot be read"), "{told}");
    }
}

#[tokio::test]
async fn what_is_no_review_is_reported_so() {
    let world = World::start().await;
    let door = Door::open(&world);
    let beta = review(json!({}))
        .to_string()
        .replace("admission.k8s.io/v1", "admission.k8s.io/v1beta1");
    for body in ["", "{}", "[]", "null", "\u{0}", beta.as_str()] {
        let (status, body) = door.send("/clusters/prod/validate", body.to_owned()).await;
        assert_eq!(status, 400);
        assert!(String::from_utf8_lossy(&body).contains("AdmissionReview"));
    }
}

#[tokio::test]
async fn a_review_over_8_mib_is_refused_with_its_uid() {
    let world = World::start().await;
    let door = Door::open(&world);
    let mut large = pod(&["nginx"]);
    large["metadata"]["annotations"] = json!({"large": "x".repeat(9 << 20)});
    let body = review(json!({"object": large, "uid": "big"})).to_string();
    // The API server writes the uid before the object.
    let body = body.replacen("\"request\":{", "\"request\":{\"uid\":\"big\",", 1);
    let tried = door.validate_text(body.clone()).await;
    assert_eq!(
        (&tried.response["uid"], tried.allowed()),
        (&json!("big"), false)
    );
    assert_eq!(tried.response["status"]["code"], 413);
    assert!(tried.message().contains("8 MiB"), "{tried:?}");
    let (status, rewritten) = door.send("/clusters/prod/mutate", body).await;
    assert_eq!(status, 200);
    let rewritten = &answer(&rewritten)["response"];
    assert_eq!(*rewritten, json!({"uid": "big", "allowed": true}));
}

#[tokio::test]
async fn a_review_just_below_the_limit_is_judged() {
    let world = World::start().await;
    let mut large = pod(&["quay.io/x"]);
    large["metadata"]["annotations"] = json!({"large": "x".repeat(7 << 20)});
    let tried = Door::open(&world)
        .validate(&review(json!({"object": large})))
        .await;
    tried.assert_denied("unknown-upstream");
}

#[tokio::test]
async fn other_paths_and_methods_are_no_webhooks() {
    let world = World::start().await;
    let door = Door::open(&world);
    for path in [
        "/",
        "/clusters/other/validate",
        "/clusters/prod/",
        "/clusters/prod/validate/x",
        "/mutate",
    ] {
        assert_eq!(door.send(path, "{}").await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn kinds_without_images_pass() {
    let world = World::start().await;
    let door = Door::open(&world);
    for kind in [
        json!({"group": "", "version": "v1", "kind": "Node"}),
        json!({"group": "", "version": "v1", "kind": "ConfigMap"}),
        json!({"group": "example.com", "version": "v1", "kind": "Deployment"}),
    ] {
        let object = json!({"spec": {"template": {"spec": pod(&["quay.io/x"])["spec"]}}});
        let review = review(json!({"kind": kind, "object": object}));
        door.validate(&review).await.assert_allowed();
        assert!(door.mutate(&review).await.patch().is_empty());
    }
}

#[tokio::test]
async fn text_from_a_pod_cannot_break_the_message() {
    let world = World::start().await;
    let object = json!({"metadata": {}, "spec": {"containers": [
        {"name": "a\n\u{1b}[31m", "image": "quay.io/x\r\nsekisho: allowed"},
    ]}});
    let tried = Door::open(&world)
        .validate(&review(json!({"object": object})))
        .await;
    assert!(!tried.allowed());
    assert!(
        tried
            .message()
            .bytes()
            .all(|byte| (b' '..=b'~').contains(&byte)),
        "{:?}",
        tried.message()
    );
}
