//! Break-glass says what it does not lift.

use serde_json::{Value, json};

use crate::kit::lab::{ENVIRONMENTS, LISTENERS, Lab, NAME};

async fn granted(lab: &Lab, image: &str, environment: &str, revoked: bool) -> Value {
    let request = json!({
        "image": image, "environment": environment, "ticket": "INC-7", "hours": 1,
        "reason": "checkout is down", "revoked": revoked,
    });
    let ask = lab.api("POST", "/api/v1/break-glass").json(&request);
    ask.send().await.expect(200)
}

fn reasons(grant: &Value) -> Vec<&str> {
    let denials = grant["still_denied"].as_array();
    let denials = denials.unwrap_or_else(|| panic!("{grant}")).iter();
    denials.map(|it| it["reason"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_grant_says_what_denies_its_image_all_the_same() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    let grant = granted(&lab, &named, "staging", false).await;
    assert!(reasons(&grant).is_empty(), "{grant}");
    lab.pull(1, NAME, &digest).await.expect(200);
    let body = json!({"image": named, "reason": "key leaked"});
    let ask = lab.api("POST", "/api/v1/revocations").json(&body);
    ask.send().await.expect(200);
    // Of a grant that was made before, too, wherever it is listed.
    let detail = format!("/api/v1/images/{digest}");
    for path in ["/api/v1/break-glass", "/api/v1/status", &detail] {
        let listed = lab.api("GET", path).send().await.expect(200);
        assert_eq!(reasons(&listed["break_glass"][0]), ["revoked"], "{path}");
    }
    let grant = granted(&lab, &named, "staging", false).await;
    assert_eq!(reasons(&grant), ["revoked"], "{grant}");
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 403);
    let grant = granted(&lab, &named, "staging", true).await;
    assert!(reasons(&grant).is_empty(), "{grant}");
    lab.pull(1, NAME, &digest).await.expect(200);
    lab.stop().await;
}

#[tokio::test]
async fn the_end_of_a_grant_names_others_that_let_the_same_through() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    let grants = [
        granted(&lab, &named, "staging", false).await,
        granted(&lab, &named, "staging", false).await,
    ];
    let other = granted(&lab, &named, "production", false).await;
    let end = async |grant: &Value| {
        let path = format!("/api/v1/break-glass/{}", grant["id"].as_str().unwrap());
        lab.api("DELETE", &path).send().await.expect(200)
    };
    let ended = end(&grants[0]).await;
    assert_eq!(
        ended["still_let_through"],
        json!([grants[1]["id"]]),
        "{ended}"
    );
    lab.pull(1, NAME, &digest).await.expect(200);
    let ended = end(&grants[1]).await;
    assert_eq!(
        ended["still_let_through"],
        Value::Null,
        "{other} is elsewhere"
    );
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 403);
    lab.stop().await;
}

#[tokio::test]
async fn a_grant_for_a_platform_that_is_not_allowed_says_so() {
    let rest = ENVIRONMENTS.replace(
        "[environments.staging]",
        "[environments.staging]\nplatforms = [\"linux/s390x\"]",
    );
    let lab = Lab::with(LISTENERS, &rest).await;
    let (image, named) = lab.put(NAME, "1");
    let grant = granted(&lab, &named, "staging", true).await;
    assert_eq!(reasons(&grant), ["platform-not-allowed"], "{grant}");
    let digest = image.manifest.digest.to_string();
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 403);
    lab.stop().await;
}
