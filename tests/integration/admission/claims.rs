//! Whom a review names is believed of an API server that showed a certificate.

use serde_json::json;

use super::{Door, pod, review};
use crate::kit::World;

const REVIEWER: &str = "kube-apiserver";

#[tokio::test]
async fn what_nobody_vouched_for_is_recorded_as_unauthenticated() {
    let world = World::start().await;
    let asked = review(json!({"object": pod(&["quay.io/claimed"])}));
    Door::open(&world)
        .validate(&asked)
        .await
        .assert_denied("unknown-upstream");
    let known = review(json!({"object": pod(&["quay.io/known"])}));
    let door = Door::open(&world).seen_as(REVIEWER);
    door.validate(&known)
        .await
        .assert_denied("unknown-upstream");
    for decision in world.decisions("denied", 2).await {
        let is_claimed = decision["image"] == "quay.io/claimed";
        let marked = decision["unauthenticated"].as_bool().unwrap_or_default();
        assert_eq!(marked, is_claimed, "{decision}");
        let path = format!("/api/v1/decisions/{}", decision["id"].as_str().unwrap());
        let one = world.admin("GET", &path, None).await.json();
        assert_eq!(one["unauthenticated"], decision["unauthenticated"]);
    }
    let log = std::fs::read_to_string(world.data().join("audit.jsonl")).unwrap();
    assert_eq!(log.matches("\"unauthenticated\":true").count(), 1, "{log}");
}

#[tokio::test]
async fn without_a_certificate_nothing_is_answered_but_dry_runs() {
    let world = World::start().await;
    let stranger = Door::open(&world).asking_certificates();
    let body = review(json!({"object": pod(&["quay.io/x"])}));
    for hook in ["mutate", "validate"] {
        let path = format!("/clusters/prod/{hook}");
        let (status, text) = stranger.send(&path, body.to_string()).await;
        assert_eq!(status, 403, "{}", String::from_utf8_lossy(&text));
    }
    let tried = review(json!({"object": pod(&["quay.io/x"]), "dryRun": true}));
    stranger
        .validate(&tried)
        .await
        .assert_denied("unknown-upstream");
    let known = Door::open(&world).asking_certificates().seen_as(REVIEWER);
    known
        .validate(&body)
        .await
        .assert_denied("unknown-upstream");
    let denied = world.decisions("denied", 1).await;
    assert_eq!(denied.len(), 1);
    assert_eq!(denied[0].get("unauthenticated"), None);
}
