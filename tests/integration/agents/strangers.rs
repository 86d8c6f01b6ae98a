//! Who is told nothing.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::stage::{STAGING, agent, ask, gateway};
use crate::kit::lab::{Ask, LISTENERS, Lab, eventually};

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

/// What is said, and what to do.
async fn told(lab: &Lab, token: &str, query: &str) -> (u16, String, String) {
    let answer = ask(lab, token, query).await;
    let body: Value = serde_json::from_str(&answer.text()).unwrap();
    let [message, step] =
        ["message", "next_step"].map(|it| body["error"][it].as_str().unwrap().to_owned());
    (answer.status, message, step)
}

#[tokio::test]
async fn who_is_refused_is_told_what_helps() {
    let lab = gateway("").await;
    let make = "sekisho token create --name NAME --role node --environment staging";
    let unknown = told(&lab, "wrong", QUERY).await;
    assert_eq!(
        (unknown.0, &*unknown.1),
        (401, "that token is unknown or revoked")
    );
    assert!(unknown.2.ends_with(make), "{unknown:?}");

    let end = lab.parts().gate.now() + SignedDuration::from_secs(60);
    let brief = json!({"name": "brief", "role": "node", "expires_at": end});
    let brief = lab.token(brief).await;
    assert_eq!(ask(&lab, &brief, QUERY).await.status, 200);
    lab.advance(SignedDuration::from_secs(61));
    let expired = told(&lab, &brief, QUERY).await;
    assert_eq!(expired.0, 401);
    assert!(
        expired.1.starts_with("the token brief expired at "),
        "{expired:?}"
    );
    assert!(expired.2.ends_with(make), "{expired:?}");
    let reading = lab
        .nobody("GET", "/api/v1/status")
        .token(&brief)
        .send()
        .await;
    assert!(reading.text().contains("the token brief expired at "));

    let elsewhere = agent(&lab, "production").await;
    let elsewhere = told(&lab, &elsewhere, QUERY).await;
    assert_eq!(elsewhere.0, 403);
    assert!(elsewhere.2.ends_with(make), "{elsewhere:?}");

    let here = agent(&lab, "staging").await;
    let misdirected = told(&lab, &here, "environment=production").await;
    assert_eq!(misdirected.0, 403);
    assert!(
        misdirected
            .2
            .contains("--environment staging, or let it ask a listener of its own"),
        "{misdirected:?}"
    );
    lab.stop().await;
}

#[tokio::test]
async fn where_there_are_no_agents_it_is_said_what_would_have_some() {
    let lab = Lab::start().await;
    let token = agent(&lab, "staging").await;
    let none = told(&lab, &token, QUERY).await;
    assert_eq!(none.0, 404);
    assert!(none.2.contains("[nodes] with signing_key"), "{none:?}");
    lab.stop().await;
    let lab = gateway("").await;
    let token = agent(&lab, "staging").await;
    let rules = "[nodes]\nsigning_key = \"nodes.key\"\n[environments.production]\n\
                 [environments.production.nodes]\n[environments.staging]\n";
    lab.rewrite(
        &format!("advisories_dir = \"advisories\"\n{LISTENERS}"),
        rules,
    );
    eventually("staging has none", || async {
        ask(&lab, &token, QUERY).await.status == 404
    })
    .await;
    let none = told(&lab, &token, QUERY).await;
    assert!(
        none.2.contains("write [environments.staging.nodes]"),
        "{none:?}"
    );
    lab.stop().await;
}
