//! Who is told nothing.

use serde_json::json;

use super::stage::{STAGING, agent, ask, gateway};
use crate::kit::lab::{Ask, Lab};

const QUERY: &str = "environment=staging";

#[tokio::test]
async fn only_agents_of_the_environment_are_told() {
    let lab = gateway("").await;
    for role in [
        "puller", "scanner", "promoter", "viewer", "on-call", "admin",
    ] {
        let token = lab.token(json!({"name": role, "role": role})).await;
        assert_eq!(ask(&lab, &token, QUERY).await.status, 403, "{role}");
    }
    let elsewhere = agent(&lab, "production").await;
    assert_eq!(ask(&lab, &elsewhere, QUERY).await.status, 403);
    let here = agent(&lab, "staging").await;
    assert_eq!(ask(&lab, &here, QUERY).await.status, 200);
    assert_eq!(ask(&lab, &here, "environment=production").await.status, 403);
    assert_eq!(ask(&lab, &here, "").await.status, 400);
    assert_eq!(ask(&lab, "wrong", QUERY).await.status, 401);
    let address = lab.app().registries()[STAGING];
    let path = format!("/api/v1/node/snapshot?{QUERY}");
    let nobody = Ask::new(address, "GET", &path).send().await;
    assert_eq!(nobody.status, 401);
    lab.api("DELETE", "/api/v1/tokens/nodes-staging")
        .send()
        .await
        .expect(200);
    assert_eq!(ask(&lab, &here, QUERY).await.status, 401);
    lab.stop().await;
}

#[tokio::test]
async fn an_agents_token_does_nothing_else() {
    let lab = gateway("").await;
    let token = agent(&lab, "staging").await;
    for path in [
        "/api/v1/status",
        "/api/v1/decisions",
        "/api/v1/tokens",
        "/api/v1/acts",
    ] {
        let answer = lab.nobody("GET", path).token(&token).send().await;
        assert_eq!(answer.status, 403, "{path}");
    }
    let revoked = lab.nobody("POST", "/api/v1/revocations").token(&token);
    let revoked = revoked.json(&json!({"image": "x", "reason": "x"})).send();
    assert_eq!(revoked.await.status, 403);
    lab.stop().await;
}

#[tokio::test]
async fn where_no_environment_has_agents_nothing_lies_there() {
    let lab = Lab::start().await;
    let token = agent(&lab, "staging").await;
    assert_eq!(ask(&lab, &token, QUERY).await.status, 404);
    lab.stop().await;
}
