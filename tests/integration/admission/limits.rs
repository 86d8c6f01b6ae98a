//! Time and number: an answer before the deadline, whatever upstreams do.

use std::time::Duration;

use serde_json::json;

use super::{Door, pod, review};
use crate::kit::{World, image};

#[tokio::test]
async fn answers_before_its_deadline_when_an_upstream_hangs() {
    let world = World::start().await;
    let app = image("app");
    world.corp.put_image("team/app", &app);
    world.admit("registry.corp:5000/team/app", &app).await;
    let good = format!("registry.corp:5000/team/app@{}", app.manifest.digest);
    let _held = world.hub.hold("slow");
    let review = review(json!({"object": pod(&[&good, "slow:1"])}));
    let tried = Door::open(&world)
        .validate_within(&review, Duration::from_millis(500))
        .await;
    tried.assert_denied("undecidable");
    assert_eq!(
        tried.message().lines().count(),
        1,
        "what is known is said: {}",
        tried.message()
    );
    assert!(tried.message().contains("not a policy denial"));
    assert_eq!(tried.response["status"]["code"], 503);
}

#[tokio::test]
async fn a_pod_of_too_many_images_is_no_bypass() {
    let world = World::start().await;
    let names: Vec<String> = (0..300).map(|at| format!("quay.io/x{at}:1")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let tried = Door::open(&world)
        .validate(&review(json!({"object": pod(&names)})))
        .await;
    tried.assert_denied("unknown-upstream");
    assert!(
        tried.message().ends_with("and 270 more"),
        "{}",
        tried.message()
    );
}

#[tokio::test]
async fn the_same_image_is_judged_once() {
    let world = World::start().await;
    let names = vec!["registry.corp:5000/team/none:1"; 50];
    let tried = Door::open(&world)
        .validate(&review(json!({"object": pod(&names)})))
        .await;
    tried.assert_denied("not-scanned");
    assert_eq!(world.asked(), 1);
}
