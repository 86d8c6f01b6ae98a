//! More reviews than are worked on at once, and reviews that never come whole.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{StreamExt, once, pending};
use hyper::service::Service as _;
use sekisho::http::{Body, StackLimits};
use sekisho::trust::Exposure;
use serde_json::{Value, json};

use super::door::cluster;
use super::{Door, pod, review};
use crate::kit::World;

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
