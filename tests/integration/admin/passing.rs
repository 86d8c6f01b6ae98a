//! Which digests of a repository would pass, for who was denied another.

use serde_json::{Value, json};

use crate::kit::lab::{DOOR, Lab, NAME, trivy};

async fn passing(lab: &Lab, name: &str, environment: &str) -> Value {
    let path = format!("/api/v1/passing?image=registry.example/{name}&environment={environment}");
    lab.api("GET", &path).send().await.expect(200)
}

#[tokio::test]
async fn only_what_would_pass_is_named_and_what_was_promoted_last_comes_first() {
    let lab = Lab::start().await;
    let mut promoted = Vec::new();
    for tag in ["1", "2"] {
        let (image, named) = lab.put(NAME, tag);
        let report = trivy(&image, &[]);
        lab.submit(&lab.token, &named, &report).await.expect(200);
        let request = json!({"image": named, "environment": "production"});
        lab.promote(&lab.token, request).await.expect(200);
        promoted.push(named);
    }
    // Scanned and clean, and promoted nowhere; and one that is bad.
    let (image, unpromoted) = lab.put(NAME, "3");
    let report = trivy(&image, &[]);
    lab.submit(&lab.token, &unpromoted, &report)
        .await
        .expect(200);
    let (image, bad) = lab.put(NAME, "4");
    let report = trivy(&image, &["CRITICAL"]);
    lab.submit(&lab.token, &bad, &report).await.expect(200);
    let names = |answer: &Value| -> Vec<String> {
        let images = answer["images"].as_array().unwrap().iter();
        images
            .map(|it| it["image"].as_str().unwrap().to_owned())
            .collect()
    };
    let here = passing(&lab, NAME, "production").await;
    assert_eq!(names(&here), [promoted[1].clone(), promoted[0].clone()]);
    assert_eq!(
        (&here["judged"], &here["is_partial"]),
        (&json!(4), &json!(false))
    );
    let staging = names(&passing(&lab, NAME, "staging").await);
    assert_eq!(staging.len(), 3);
    assert!(!staging.contains(&bad), "{staging:?}");
    let unknown = passing(&lab, DOOR, "production").await;
    assert_eq!((names(&unknown).len(), &unknown["judged"]), (0, &json!(0)));
    lab.stop().await;
}

#[tokio::test]
async fn a_lifted_denial_makes_no_better_image() {
    let lab = Lab::start().await;
    let (image, bad) = lab.put(NAME, "1");
    let report = trivy(&image, &["CRITICAL"]);
    lab.submit(&lab.token, &bad, &report).await.expect(200);
    let mode = json!({"environment": "staging", "mode": "audit", "hours": 1, "ticket": "T"});
    let ask = lab.api("POST", "/api/v1/modes").json(&mode);
    ask.send().await.expect(200);
    let listed = passing(&lab, NAME, "staging").await;
    assert_eq!(listed["images"], json!([]));
    lab.stop().await;
}

#[tokio::test]
async fn another_team_s_repository_stays_closed() {
    let lab = Lab::start().await;
    let request = json!({
        "name": "team", "role": "viewer", "repositories": [format!("registry.example/{NAME}")],
    });
    let team = lab.token(request).await;
    let path = format!("/api/v1/passing?image=registry.example/{DOOR}&environment=production");
    let refused = lab.nobody("GET", &path).token(&team).send().await;
    assert_eq!(refused.refusal(403).0, "forbidden");
    lab.stop().await;
}
