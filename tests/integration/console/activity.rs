//! What was pulled and denied over time.

use serde_json::{Value, json};

use super::decision::denied;
use super::visitor::Visitor;
use crate::kit::lab::{Lab, NAME};

fn sum(counts: &Value) -> u64 {
    let counts = counts.as_array().unwrap().iter();
    counts.map(|it| it.as_u64().unwrap()).sum()
}

#[tokio::test]
async fn pulls_and_denials_are_counted_by_environment_and_reason() {
    let lab = Lab::start().await;
    denied(&lab, 0, NAME, "1").await;
    denied(&lab, 1, NAME, "2").await;
    for hours in [1, 24] {
        let path = format!("/api/v1/activity?hours={hours}");
        let activity = lab.api("GET", &path).send().await.expect(200);
        let of = &activity["environments"];
        assert_eq!(of[0]["environment"], "production");
        assert_eq!((sum(&of[0]["denied"]), sum(&of[0]["allowed"])), (1, 0));
        assert_eq!(sum(&of[1]["denied"]), 1);
        assert_eq!(activity["reasons"].as_array().unwrap().len(), 2);
        assert_eq!(activity["reasons"][0]["reason"], "not-scanned");
        assert!(activity["counted_since"].is_string(), "{activity}");
    }
    let page = Visitor::new(&lab).shown("/").await;
    assert!(page.contains("1 denied in production; most from"), "{page}");
    lab.stop().await;
}

#[tokio::test]
async fn counts_of_all_repositories_are_not_for_readers_of_some() {
    let lab = Lab::start().await;
    let request = json!({
        "name": "team", "role": "viewer", "repositories": [format!("registry.example/{NAME}")],
    });
    let team = lab.token(request).await;
    let activity = lab.nobody("GET", "/api/v1/activity").token(&team).send();
    let activity = activity.await.expect(200);
    assert!(activity["environments"].is_null() && activity["cache"].is_null());
    let page = Visitor::with(&lab, &team).await.shown("/").await;
    assert!(page.contains("this token reads some of them"), "{page}");
    let request = json!({"name": "stage", "role": "viewer", "environments": ["staging"]});
    let stage = lab.token(request).await;
    let activity = lab.nobody("GET", "/api/v1/activity").token(&stage).send();
    let activity = activity.await.expect(200);
    assert_eq!(activity["environments"].as_array().unwrap().len(), 1);
    lab.stop().await;
}
