//! More slow pulls than a listener works on, and pulls that take too long.

use std::sync::Arc;
use std::time::Duration;

use sekisho::http::StackLimits;
use serde_json::Value;

use super::lanes::{Answer, Door};
use crate::kit::{World, image, manifests};

const NAME: &str = "docker.io/team/app";
const LIMITS: StackLimits = StackLimits {
    at_once: 1,
    at_once_per_address: 1,
    deadline: Duration::from_secs(60),
    logged: true,
    continues_traces: false,
};

#[track_caller]
fn assert_turned_away(answer: &Answer, method: &str, message: &str) {
    let content = &answer.content;
    assert_eq!(content.status, 503, "{answer:?}");
    assert_eq!(content.headers["retry-after"], "1");
    assert_eq!(content.headers["content-type"], "application/json");
    if method == "HEAD" {
        assert_eq!(content.body, b"");
        assert_ne!(content.headers["content-length"], "0");
        return;
    }
    let body: Value = serde_json::from_slice(&content.body).unwrap();
    assert_eq!(body["errors"][0]["code"], "TOOMANYREQUESTS");
    let said = body["errors"][0]["message"].as_str().unwrap();
    assert!(said.contains("not a policy denial"), "{said}");
    assert!(said.contains(message), "{said}");
}

#[tokio::test]
async fn turns_slow_pulls_away_when_full_and_serves_hot_ones() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let door = Arc::new(Door::within(&world, LIMITS));
    let hot = manifests(NAME, &app.manifest.digest);
    for _ in 0..2 {
        assert_eq!(door.ask("GET", &hot).await.content.status, 200);
    }
    let held = world.hub.hold("/manifests/cold");
    let slow = tokio::spawn({
        let door = door.clone();
        async move { door.ask("GET", &manifests(NAME, "cold")).await }
    });
    held.arrived().await;
    for method in ["GET", "HEAD"] {
        let refused = door.ask(method, &manifests(NAME, "other")).await;
        assert_turned_away(&refused, method, "too many requests at once");
        let served = door.ask(method, &hot).await;
        assert!(served.is_fast);
        assert_eq!(served.content.status, 200);
    }
    held.release();
    assert_eq!(slow.await.unwrap().content.status, 404);
    let other = door.ask("GET", &manifests(NAME, "other")).await;
    assert_eq!(other.content.status, 404);
}

#[tokio::test]
async fn answers_a_pull_by_its_deadline_in_the_words_of_the_registry() {
    let world = World::start().await;
    let _held = world.hub.hold("/manifests/");
    let limits = StackLimits {
        deadline: Duration::from_millis(10),
        ..LIMITS
    };
    let door = Door::within(&world, limits);
    for method in ["GET", "HEAD"] {
        let late = door.ask(method, &manifests(NAME, "1")).await;
        assert_turned_away(&late, method, "could not answer in time");
    }
}

#[tokio::test]
async fn every_answer_of_the_layered_lane_names_its_request() {
    let world = World::start().await;
    for path in ["/v2/", "/nowhere", &manifests("nobody.example/x", "1")] {
        let reply = world.get(path).await;
        assert!(reply.header("x-request-id").is_some(), "{reply:?}");
    }
}
