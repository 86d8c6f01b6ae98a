//! What will be denied, and why.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::kit::lab::{DOOR, ENVIRONMENTS, LISTENERS, Lab, NAME, trivy, trivy_at};

async fn forecast(lab: &Lab, hours: u32) -> Value {
    let path = format!("/api/v1/forecast?within_hours={hours}");
    lab.api("GET", &path).send().await.expect(200)
}

/// Scanned so many days ago, and promoted.
async fn promoted(lab: &Lab, name: &str, tag: &str, days: i64) -> String {
    let (image, named) = lab.put(name, tag);
    let at = Timestamp::now() - SignedDuration::from_hours(24 * days);
    let report = trivy_at(&image, at, &[]);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    let request = json!({"image": named, "environment": "production"});
    lab.promote(&lab.token, request).await.expect(200);
    named
}

#[tokio::test]
async fn a_scan_that_runs_out_is_foreseen_with_its_moment_and_what_to_do() {
    let lab = Lab::start().await;
    let old = promoted(&lab, NAME, "1", 29).await;
    promoted(&lab, DOOR, "1", 1).await;
    let soon = forecast(&lab, 12).await;
    assert_eq!(soon["denials"], json!([]), "{soon}");
    assert_eq!(
        (&soon["coverage"]["in_use"], &soon["coverage"]["judged"]),
        (&json!(2), &json!(2))
    );
    let later = forecast(&lab, 48).await;
    let denials = later["denials"].as_array().unwrap();
    assert_eq!(denials.len(), 1, "{later}");
    assert_eq!(
        (&denials[0]["image"], &denials[0]["cause"]),
        (&json!(old), &json!("scan-stale"))
    );
    assert_eq!(denials[0]["reasons"][0]["reason"], "scan-stale");
    assert_ne!(denials[0]["reasons"][0]["next_step"], "");
    let at: Timestamp = denials[0]["at"].as_str().unwrap().parse().unwrap();
    let left = at.duration_since(Timestamp::now()).as_hours();
    assert!((22..=24).contains(&left), "{left} h");
    // Nobody knows what runs.
    assert_eq!(
        (&denials[0]["pods"], &later["clusters"]),
        (&json!([]), &json!([]))
    );
    lab.stop().await;
}

#[tokio::test]
async fn what_is_denied_already_is_counted_though_it_runs_nowhere() {
    let lab = Lab::start().await;
    let leaky = promoted(&lab, NAME, "1", 1).await;
    promoted(&lab, DOOR, "1", 1).await;
    let revoked = json!({"image": leaky, "reason": "leaks a key"});
    let ask = lab.api("POST", "/api/v1/revocations").json(&revoked);
    ask.send().await.expect(200);
    let found = forecast(&lab, 12).await;
    assert_eq!(found["denials"], json!([]), "{found}");
    let coverage = &found["coverage"];
    assert_eq!(
        (&coverage["judged"], &coverage["denied_already"]),
        (&json!(2), &json!(1)),
        "{found}"
    );
    lab.stop().await;
}

const EXCEPTIONS: &str = "exceptions_dir = \"exceptions\"\n";

#[tokio::test]
async fn an_exception_that_ends_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("exceptions")).unwrap();
    // It ends with that day, between 24 and 48 hours from now.
    let tomorrow = Timestamp::now() + SignedDuration::from_hours(24);
    let day = tomorrow.to_zoned(jiff::tz::TimeZone::UTC).date();
    let exception = format!(
        "[[exception]]\nvulnerabilities = [\"CVE-2026-1234\"]\n\
         images = [\"registry.example/**\"]\nreason = \"not reachable\"\n\
         link = \"https://git.example/1\"\nowner = \"team\"\nexpires = {day}\n"
    );
    std::fs::write(folder.path().join("exceptions/team.toml"), exception).unwrap();
    let listeners = format!("{EXCEPTIONS}{LISTENERS}");
    let lab = Lab::inside(folder, &listeners, ENVIRONMENTS).await;
    let (image, named) = lab.put(NAME, "1");
    let report = trivy(&image, &["HIGH"]);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    let request = json!({"image": named, "environment": "production"});
    lab.promote(&lab.token, request).await.expect(200);
    assert_eq!(forecast(&lab, 23).await["denials"], json!([]));
    let found = forecast(&lab, 49).await;
    let denials = found["denials"].as_array().unwrap();
    assert_eq!(denials.len(), 1, "{found}");
    assert_eq!(denials[0]["cause"], "exception-ends");
    assert_eq!(denials[0]["ends"], "team.toml#1");
    assert_eq!(denials[0]["reasons"][0]["reason"], "too-severe");
    let detail = format!("/api/v1/images/{}", image.manifest.digest);
    let detail = lab.api("GET", &detail).send().await.expect(200);
    assert_eq!(detail["exceptions"][0]["id"], "team.toml#1");
    lab.stop().await;
}

#[tokio::test]
async fn it_comes_in_pages_and_keeps_to_its_readers_scope() {
    let lab = Lab::start().await;
    let mut all = Vec::new();
    for (name, tag) in [(NAME, "1"), (NAME, "2"), (DOOR, "1")] {
        all.push(promoted(&lab, name, tag, 29).await);
    }
    let mut paged = Vec::new();
    let mut cursor = String::new();
    for _ in 0..3 {
        let path = format!("/api/v1/forecast?within_hours=48&limit=1{cursor}");
        let page = lab.api("GET", &path).send().await.expect(200);
        assert_eq!(page["coverage"]["in_use"], 3);
        let denials = page["denials"].as_array().unwrap();
        paged.extend(
            denials
                .iter()
                .map(|it| it["image"].as_str().unwrap().to_owned()),
        );
        let next = page["next"].as_str().unwrap_or_default();
        cursor = format!("&page={}", next.replace(' ', "%20"));
    }
    all.sort();
    paged.sort();
    assert_eq!((paged, &*cursor), (all, "&page="));
    for (name, key, scope, seen) in [
        ("app", "repositories", "registry.example/team/app", 2),
        ("staging", "environments", "staging", 0),
    ] {
        let token = lab
            .token(json!({"name": name, "role": "viewer", key: [scope]}))
            .await;
        let ask = lab
            .nobody("GET", "/api/v1/forecast?within_hours=48")
            .token(&token);
        let found = ask.send().await.expect(200);
        assert_eq!(
            found["denials"].as_array().unwrap().len(),
            seen,
            "{name}: {found}"
        );
    }
    for bad in ["within_hours=0", "within_hours=9999999", "environment=moon"] {
        let refused = lab
            .api("GET", &format!("/api/v1/forecast?{bad}"))
            .send()
            .await;
        assert_eq!(refused.refusal(400).0, "bad-request", "{bad}");
    }
    lab.stop().await;
}
