//! What was pulled and denied over time.

use serde_json::{Value, json};

use super::decision::denied;
use super::visitor::Visitor;
use crate::kit::lab::{DOOR, Lab, NAME, eventually, trivy};

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
    // The charts and the reasons, both counted since the start.
    assert_eq!(
        page.matches("Counted by this gateway since it started")
            .count(),
        2
    );
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

#[tokio::test]
async fn repositories_are_ranked_by_pulls_and_by_denials_within_a_scope_and_after_a_restart() {
    let lab = Lab::start().await;
    for tag in ["1", "2"] {
        let (image, named) = lab.put(DOOR, tag);
        let report = trivy(&image, &[]);
        lab.submit(&lab.token, &named, &report).await.expect(200);
        let digest = image.manifest.digest.to_string();
        for _ in 0..3 {
            assert_eq!(lab.pull(1, DOOR, &digest).await.status, 200);
        }
    }
    denied(&lab, 0, NAME, "1").await;
    let lab = lab.restarted().await;
    let ranked = |token: String| {
        let ask = lab.nobody("GET", "/api/v1/activity?hours=6").token(&token);
        async move { ask.send().await.expect(200)["repositories"].clone() }
    };
    let all = ranked(lab.token.clone()).await;
    let door = format!("registry.example/{DOOR}");
    let app = format!("registry.example/{NAME}");
    assert_eq!(all["pulled"], json!([{"repository": door, "pulls": 2}]));
    assert_eq!(
        all["denied"],
        json!([{"repository": app, "denied": 1, "would_deny": 0}])
    );
    let request = json!({"name": "team", "role": "viewer", "repositories": [app]});
    let team = ranked(lab.token(request).await).await;
    assert_eq!(team["pulled"], json!([]));
    assert_eq!(team["denied"][0]["repository"], app);
    let page = Visitor::with(&lab, &lab.token).await.shown("/").await;
    for part in [
        "denials?image=registry.example%2Fteam%2Fapp&amp;within=1h",
        "images?name=registry.example%2Fteam%2Fdoor",
        "answers this page",
    ] {
        assert!(
            page.replace("&#38;", "&amp;").contains(part),
            "{part}: {page}"
        );
    }
    lab.stop().await;
}

/// The gateway fills in a host where a name has none, which nobody asked for.
#[tokio::test]
async fn a_name_that_leads_to_no_upstream_ranks_under_no_other() {
    let lab = Lab::start().await;
    let registry = lab.app().registries()[0];
    for path in ["library/app", "quay.io/a/b"] {
        let path = format!("/v2/{path}/manifests/1");
        let answer = crate::kit::lab::Ask::new(registry, "GET", &path)
            .send()
            .await;
        assert_eq!(answer.status, 403, "{}", answer.text());
    }
    let ranked = || async {
        let activity = lab.api("GET", "/api/v1/activity").send().await.expect(200);
        let denied = activity["repositories"]["denied"].as_array().unwrap();
        denied
            .iter()
            .map(|it| it["repository"].clone())
            .collect::<Vec<_>>()
    };
    eventually("what was named is ranked", || async {
        !ranked().await.is_empty()
    })
    .await;
    assert_eq!(ranked().await, ["quay.io/a/b"]);
    lab.stop().await;
}
