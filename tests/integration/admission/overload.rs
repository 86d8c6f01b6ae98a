//! More reviews than are worked on at once, and reviews that never come whole.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{StreamExt, once, pending};
use hyper::service::Service as _;
use sekisho::http::{Body, StackLimits};
use sekisho::trust::Exposure;
use serde_json::{Value, json};

use super::door::cluster;
use super::{Door, Tried, pod, review};
use crate::kit::{Setup, World, image};

const REVIEWER: &str = "kube-apiserver";

const LIMITS: StackLimits = StackLimits {
    at_once: 1,
    at_once_per_address: 1,
    deadline: Duration::from_secs(60),
    logged: true,
    continues_traces: false,
};

#[tokio::test]
async fn answers_with_the_uid_when_full_and_recovers() {
    let world = World::start().await;
    let door = Door::within(&world, cluster(Exposure::External), LIMITS);
    let held = world.hub.hold("slow");
    let slow = review(json!({"object": pod(&["slow:1"])}));
    let other = review(json!({"object": pod(&["quay.io/x"]), "uid": "other"}));
    let refused = async {
        held.arrived().await;
        let validated = door.validate(&other).await;
        assert!(!validated.allowed());
        assert_eq!(validated.response["status"]["code"], 503);
        assert!(
            validated
                .message()
                .contains("not a policy denial: too many")
        );
        let mutated = door.mutate(&other).await;
        assert!(mutated.allowed() && mutated.patch().is_empty());
        held.release();
    };
    let (first, ()) = tokio::join!(door.validate(&slow), refused);
    first.assert_denied("not-scanned");
    door.validate(&other)
        .await
        .assert_denied("unknown-upstream");
}

#[tokio::test]
async fn answers_with_the_uid_when_the_rest_of_a_review_never_comes() {
    let world = World::start().await;
    let door = Door::open(&world);
    for (webhook, is_allowed) in [("mutate", true), ("validate", false)] {
        let begun = r#"{"kind":"AdmissionReview","request":{"uid":"u-9","object":{"#;
        let begun = once(async { Ok(Bytes::from_static(begun.as_bytes())) });
        let body = Body::stream(9000, begun.chain(pending()));
        let path = format!("/clusters/prod/{webhook}?timeout=20ms");
        let request = http::Request::post(path).body(body).unwrap();
        let answer = door.connection().call(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        let body = http_body_util::BodyExt::collect(answer.into_body()).await;
        let body: Value = serde_json::from_slice(&body.unwrap().to_bytes()).unwrap();
        let response = &body["response"];
        assert_eq!(response["uid"], "u-9");
        assert_eq!(response["allowed"], is_allowed);
    }
}

/// The name of an image that is admitted, and held in memory.
async fn warm(world: &World) -> String {
    let app = image("app");
    world.corp.put_image("team/app", &app);
    world.admit("registry.corp:5000/team/app", &app).await;
    format!("registry.corp:5000/team/app@{}", app.manifest.digest)
}

/// A certified API server and a client without a certificate, at one webhook.
fn known_and_stranger(world: &World) -> (Door, Door) {
    let stranger = Door::open(world).asking_certificates();
    (stranger.from([127, 0, 0, 1]).seen_as(REVIEWER), stranger)
}

/// Each trial asks for 250 images of an upstream that hangs, and names the longest time.
#[tokio::test]
async fn trials_of_strangers_hold_up_no_review_of_who_showed_a_certificate() {
    let world = World::start().await;
    let app = warm(&world).await;
    let (known, stranger) = known_and_stranger(&world);
    let held = world.hub.hold("slow");
    let trials = (0..40).map(|trial| {
        let names: Vec<String> = (0..250).map(|tag| format!("slow:{trial}-{tag}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let asked = review(json!({"object": pod(&names), "dryRun": true}));
        let door = &stranger;
        async move { door.validate(&asked).await }
    });
    let trials = futures_util::future::join_all(trials);
    let earnest = async {
        held.arrived().await;
        let asked = review(json!({"object": pod(&[&app])}));
        let tried = known.validate_within(&asked, Duration::from_secs(10)).await;
        held.release();
        tried
    };
    let (trials, earnest) = tokio::join!(trials, earnest);
    earnest.assert_allowed();
    assert!(trials.iter().all(|tried| !tried.allowed()));
}

/// A review of 8 MiB whose last byte never comes.
fn endless() -> Body {
    let begun = r#"{"kind":"AdmissionReview","request":{"uid":"u-9","dryRun":true,"x":""#;
    let mut bytes = begun.as_bytes().to_vec();
    bytes.resize((8 << 20) - 1, b'x');
    let came = once(async { Ok(Bytes::from(bytes)) });
    Body::stream(8 << 20, came.chain(pending()))
}

/// Sixteen of the longest uploads from four addresses, none of which ends.
async fn endless_uploads(door: &Door) -> Vec<(u16, Bytes)> {
    let uploads = (0..16).map(|at: u8| async move {
        let path = "/clusters/prod/validate?timeout=30s";
        let door = door.from([127, 0, 0, 60 + at % 4]);
        door.send_body(path, endless()).await
    });
    futures_util::future::join_all(uploads).await
}

#[tokio::test]
async fn uploads_of_strangers_take_no_room_from_who_showed_a_certificate() {
    let world = World::start().await;
    let app = warm(&world).await;
    let (known, stranger) = known_and_stranger(&world);
    let asked = review(json!({"object": pod(&[&app])}));
    let (uploads, earnest) = tokio::join!(endless_uploads(&stranger), known.validate(&asked));
    earnest.assert_allowed();
    assert_eq!(uploads.len(), 16);
}

/// Where no certificate is asked for, all have one room. The time bounds a failure: an upload
/// may name 24 s, of which it is to get two.
#[tokio::test]
async fn uploads_that_stall_end_whatever_time_they_name() {
    let world = World::start().await;
    let door = Door::open(&world);
    let uploads = tokio::time::timeout(Duration::from_secs(15), endless_uploads(&door)).await;
    for (status, answer) in uploads.expect("they held their room until their deadline") {
        assert_eq!(status, 200);
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["response"]["allowed"], false);
    }
}

/// A review of a Pod of one MiB, of an image whose upstream does not answer; with the uid first,
/// as the API server writes it.
fn large(number: usize) -> String {
    let mut object = pod(&["slow:1"]);
    object["metadata"]["annotations"] = json!({"filler": "x".repeat(1 << 20)});
    let mut review = review(json!({"object": object}));
    review["request"].as_object_mut().unwrap().remove("uid");
    let uid = format!(r#""request":{{"uid":"large-{number}","#);
    review.to_string().replacen(r#""request":{"#, &uid, 1)
}

/// The answer once there is room.
async fn judged(door: &Door, review: String) -> Tried {
    loop {
        let tried = door.validate_text(review.clone()).await;
        if !tried.message().contains("too many reviews") {
            return tried;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn large_objects_that_wait_for_an_upstream_take_no_room_from_others() {
    let world = World::start().await;
    let door = Door::open(&world);
    let held = world.hub.hold("slow");
    let waiting = (0..40).map(|number| judged(&door, large(number)));
    let waiting = futures_util::future::join_all(waiting);
    let others = async {
        held.arrived().await;
        let other = review(json!({"object": pod(&["quay.io/x"])}));
        judged(&door, other.to_string())
            .await
            .assert_denied("unknown-upstream");
        held.release();
    };
    let (waited, ()) = tokio::join!(waiting, others);
    for tried in waited {
        tried.assert_denied("not-scanned");
    }
}

#[tokio::test]
async fn a_full_webhook_holds_up_only_pods_and_only_where_denials_hold() {
    for (mode, of_pod) in [("enforce", false), ("audit", true)] {
        let world = World::of(Setup::default().production(&format!("mode = \"{mode}\""))).await;
        let door = Door::within(&world, cluster(Exposure::External), LIMITS);
        let held = world.hub.hold("slow");
        let slow = review(json!({"object": pod(&["slow:1"])}));
        let full = async {
            held.arrived().await;
            let template = json!({"spec": {"template": pod(&["quay.io/x"])}});
            let kind = json!({"group": "apps", "version": "v1", "kind": "Deployment"});
            for (fields, is_allowed) in [
                (json!({"object": pod(&["quay.io/x"])}), of_pod),
                (json!({"object": template, "kind": kind}), true),
                (
                    json!({"object": pod(&["quay.io/x"]), "namespace": "kube-system"}),
                    true,
                ),
            ] {
                let tried = door.validate(&review(fields)).await;
                assert_eq!(tried.allowed(), is_allowed, "{mode}: {tried:?}");
                let told = format!("{} {:?}", tried.message(), tried.warnings());
                assert!(told.contains("too many reviews"), "{told}");
            }
            held.release();
        };
        tokio::join!(door.validate(&slow), full);
    }
}
