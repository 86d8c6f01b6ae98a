//! What is revoked now.

use serde_json::{Value, json};

use crate::kit::lab::{Lab, NAME};

async fn revoke(lab: &Lab, body: Value) {
    let ask = lab.api("POST", "/api/v1/revocations").json(&body);
    ask.send().await.expect(200);
}

async fn listed(lab: &Lab, token: &str) -> Vec<Value> {
    let ask = lab.nobody("GET", "/api/v1/revocations").token(token);
    let list = ask.send().await.expect(200);
    list["revocations"].as_array().unwrap().clone()
}

#[tokio::test]
async fn revocations_that_hold_are_listed_to_who_may_see_their_images() {
    let lab = Lab::start().await;
    assert!(listed(&lab, &lab.token).await.is_empty());
    let (image, named) = lab.put(NAME, "1");
    let (_, other) = lab.put("other/app", "1");
    revoke(&lab, json!({"image": named, "reason": "leaks a key"})).await;
    let narrow = json!({"image": other, "environment": "staging", "reason": "crashes"});
    revoke(&lab, narrow).await;
    let all = listed(&lab, &lab.token).await;
    let reasons: Vec<_> = all.iter().map(|it| &it["reason"]).collect();
    assert_eq!(reasons, ["crashes", "leaks a key"], "the newest first");
    let first = &all[1];
    assert_eq!(first["digest"], image.manifest.digest.to_string());
    assert_eq!(
        first["lies_in"],
        json!([format!("registry.example/{NAME}")])
    );
    assert_eq!(
        (&first["environment"], first["by"].is_string()),
        (&Value::Null, true)
    );

    let narrow =
        json!({"name": "other", "role": "viewer", "repositories": ["registry.example/other/**"]});
    let reader = lab.token(narrow).await;
    let seen = listed(&lab, &reader).await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0]["reason"], "crashes");
    let scanner = lab.token(json!({"name": "ci", "role": "scanner"})).await;
    assert_eq!(listed(&lab, &scanner).await[1]["by"], Value::Null);

    let undo = json!({"image": named, "reason": "rotated"});
    let ask = lab.api("POST", "/api/v1/revocations/reinstate").json(&undo);
    ask.send().await.expect(200);
    assert_eq!(listed(&lab, &lab.token).await.len(), 1);
    lab.stop().await;
}
