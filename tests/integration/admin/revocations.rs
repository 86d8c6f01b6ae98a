//! Trust taken back, by those who may, wherever the digest lies.

use serde_json::{Value, json};

use crate::kit::lab::{Answer, Lab, NAME, trivy};

async fn revoke(lab: &Lab, token: &str, what: &str, body: Value) -> Answer {
    let path = format!("/api/v1/revocations{what}");
    lab.nobody("POST", &path)
        .token(token)
        .json(&body)
        .send()
        .await
}

async fn admitted(lab: &Lab) -> (String, String) {
    let (image, named) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    lab.submit(&lab.token, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 200);
    (named, digest)
}

#[tokio::test]
async fn on_call_revokes_and_reinstates_and_the_next_pull_knows() {
    let lab = Lab::start().await;
    let (named, digest) = admitted(&lab).await;
    let token = lab.token(json!({"name": "night", "role": "on-call"})).await;
    let body = json!({"image": named, "reason": "leaks a key"});
    revoke(&lab, &token, "", body.clone()).await.expect(200);
    let pulled = lab.pull(1, NAME, &digest).await;
    assert_eq!(pulled.status, 403);
    assert!(pulled.reason.contains("leaks a key"), "{}", pulled.head);
    let undone = revoke(&lab, &token, "/reinstate", body.clone())
        .await
        .expect(200);
    assert_eq!(undone["ended"], 1);
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 200);
    let undone = revoke(&lab, &token, "/reinstate", body).await.expect(200);
    assert_eq!(undone["ended"], 0);
    lab.stop().await;
}

#[tokio::test]
async fn a_reason_and_a_digest_are_needed() {
    let lab = Lab::start().await;
    let (named, digest) = admitted(&lab).await;
    let bare = format!("registry.example/{NAME}:1");
    for what in ["", "/reinstate"] {
        for body in [
            json!({"image": bare, "reason": "bad"}),
            json!({"image": named, "reason": "  "}),
            json!({"image": named, "reason": "TODO: ask"}),
            json!({"image": named}),
            json!({"image": named, "reason": "x".repeat(1001)}),
            json!({"image": named, "reason": "bad", "environment": "prod"}),
        ] {
            let (code, _) = revoke(&lab, &lab.token, what, body).await.refusal(400);
            assert_eq!(code, "bad-request");
        }
    }
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 200);
    lab.stop().await;
}

fn team(name: &str, repository: &str) -> Value {
    let repositories = [format!("registry.example/{repository}")];
    json!({"name": name, "role": "on-call", "repositories": repositories})
}

#[tokio::test]
async fn a_token_of_one_repository_revokes_and_reinstates_there_alone() {
    let lab = Lab::start().await;
    let (named, digest) = admitted(&lab).await;
    let (own, other) = (
        lab.token(team("own", NAME)).await,
        lab.token(team("other", "team/door")).await,
    );
    // Another team cannot stop it by calling it theirs, nor by its own name.
    let renamed = json!({"image": named.replace("app", "door"), "reason": "bad"});
    let answer = revoke(&lab, &other, "", renamed.clone()).await.expect(200);
    assert_eq!(
        answer["repositories"],
        json!(["registry.example/team/door"])
    );
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 200);
    let body = json!({"image": named, "reason": "leaks a key"});
    let answer = revoke(&lab, &other, "", body.clone()).await;
    assert_eq!(answer.refusal(403).0, "forbidden");
    revoke(&lab, &own, "", body.clone()).await.expect(200);
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 403);
    // Nor can it undo what others said.
    let undone = revoke(&lab, &other, "/reinstate", renamed)
        .await
        .expect(200);
    assert_eq!(undone["ended"], 1);
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 403);
    let undone = revoke(&lab, &own, "/reinstate", body).await.expect(200);
    assert_eq!(undone["ended"], 1);
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 200);
    lab.stop().await;
}

#[tokio::test]
async fn what_is_revoked_everywhere_only_a_token_of_everything_reinstates() {
    let lab = Lab::start().await;
    let (named, digest) = admitted(&lab).await;
    let own = lab.token(team("own", NAME)).await;
    let body = json!({"image": named, "reason": "leaks a key"});
    let answer = revoke(&lab, &lab.token, "", body.clone()).await.expect(200);
    assert_eq!(answer["repositories"], json!([]));
    let undone = revoke(&lab, &own, "/reinstate", body.clone())
        .await
        .expect(200);
    assert_eq!(undone["ended"], 0);
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 403);
    revoke(&lab, &own, "", body.clone()).await.expect(200);
    let undone = revoke(&lab, &lab.token, "/reinstate", body)
        .await
        .expect(200);
    assert_eq!(undone["ended"], 2, "narrowed ones, too");
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 200);
    lab.stop().await;
}

#[tokio::test]
async fn a_token_of_one_environment_revokes_there_alone() {
    let lab = Lab::start().await;
    let (named, digest) = admitted(&lab).await;
    let request = json!({"name": "prod", "role": "on-call", "environments": ["production"]});
    let token = lab.token(request).await;
    let body = |environment: Option<&str>| {
        let mut body = json!({"image": named, "reason": "bad"});
        body["environment"] = json!(environment);
        body
    };
    for refused in [None, Some("staging")] {
        let answer = revoke(&lab, &token, "", body(refused)).await;
        assert_eq!(answer.refusal(403).0, "forbidden", "{refused:?}");
        let answer = revoke(&lab, &token, "/reinstate", body(refused)).await;
        assert_eq!(answer.refusal(403).0, "forbidden", "{refused:?}");
    }
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 200);
    revoke(&lab, &token, "", body(Some("production")))
        .await
        .expect(200);
    let verdict = lab.verdict(&named, "production").await;
    assert_eq!(verdict["reasons"][0]["reason"], "revoked");
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 200);
    lab.stop().await;
}
