//! Promotion where the mode lets pass what `enforce` would deny.

use serde_json::{Value, json};

use super::program::{Program, Run};
use crate::kit::lab::{LISTENERS, Lab, NAME};

const AUDITED: &str = "
[environments.production]
[environments.staging]
mode = \"audit\"
require = [\"scan\"]
";

async fn run(lab: &Lab, words: &[&str]) -> Run {
    let program = Program::new(words)
        .env("SEKISHO_SERVER", &lab.server())
        .env("SEKISHO_TOKEN", &lab.token);
    tokio::task::spawn_blocking(|| program.run()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_enforce_would_deny_is_refused_for_that_and_recorded_by_force() {
    let lab = Lab::with(LISTENERS, AUDITED).await;
    let (image, named) = lab.put(NAME, "1");
    let promote = ["promote", &named, "--to", "staging"];
    let refused = run(&lab, &promote).await;
    assert_eq!(refused.code, 3, "{refused:?}");
    for part in [
        "ALLOWED, WOULD BE DENIED",
        "not promoted to staging: in enforce it would be denied (not-scanned); --force would \
         record it all the same; nothing is recorded",
    ] {
        assert!(refused.stdout.contains(part), "{part}: {refused:?}");
    }
    let json = run(&lab, &[&promote[..], &["--output", "json"]].concat()).await;
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["verdict"]["allowed"], true);
    let told = json["error"]["message"].as_str().unwrap();
    assert!(
        told.contains("in enforce it would be denied (not-scanned)"),
        "{json}"
    );
    assert!(json["error"]["next_step"].is_string(), "{json}");

    let forced = run(&lab, &[&promote[..], &["--force"]].concat()).await;
    assert_eq!(forced.code, 0, "{forced:?}");
    assert!(
        forced
            .stdout
            .contains("promoted by force to staging, in enforce it would be denied (not-scanned)"),
        "{forced:?}"
    );
    let digest = image.manifest.digest.to_string();
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 200);

    let still = run(&lab, &["promote", &named, "--to", "production", "--force"]).await;
    assert!(
        still
            .stdout
            .contains("promoted by force to production, still denied"),
        "{still:?}"
    );
    lab.stop().await;
}

/// Who was forced past a judgement, and who holds a new token, is what one looks for.
#[tokio::test(flavor = "multi_thread")]
async fn acts_name_the_token_that_was_made_and_the_promotion_that_was_forced() {
    let lab = Lab::start().await;
    let (_, named) = lab.put(NAME, "1");
    let forced = run(&lab, &["promote", &named, "--to", "staging", "--force"]).await;
    assert_eq!(forced.code, 0, "{forced:?}");
    let create = ["token", "create", "--name", "ci-team", "--role", "scanner"];
    assert_eq!(run(&lab, &create).await.code, 0);
    let acts = run(&lab, &["acts"]).await;
    for parts in [
        ["promote", "forced: it was denied", &named],
        [
            "token-create",
            "scanner; repositories: all",
            "token:ci-team",
        ],
    ] {
        let mut lines = acts.stdout.lines();
        let is_told = lines.any(|line| parts.iter().all(|part| line.contains(part)));
        assert!(is_told, "{parts:?}: {acts:?}");
    }
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_is_promoted_by_no_force_and_the_refusal_says_what_helps() {
    let lab = Lab::start().await;
    let (_, named) = lab.put(NAME, "1");
    let revoked = json!({"image": named, "reason": "backdoor"});
    let ask = lab.api("POST", "/api/v1/revocations").json(&revoked);
    ask.send().await.expect(200);
    let grant = json!({
        "image": named, "environment": "staging", "ticket": "INC-7", "hours": 1,
        "reason": "checkout is down", "revoked": true,
    });
    let ask = lab.api("POST", "/api/v1/break-glass").json(&grant);
    ask.send().await.expect(200);
    let promote = ["promote", &named, "--to", "staging", "--force"];
    let refused = run(&lab, &promote).await;
    assert_eq!(refused.code, 3, "{refused:?}");
    let told = "and --force records no such image; reinstate it first, or promote another; \
                nothing is recorded";
    assert!(refused.stdout.contains(told), "{refused:?}");
    assert!(!refused.stdout.contains("would record it"), "{refused:?}");
    let json = run(&lab, &[&promote[..], &["--output", "json"]].concat()).await;
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        json["error"]["next_step"],
        "reinstate it first, or promote another"
    );
    lab.stop().await;
}
