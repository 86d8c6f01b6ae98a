//! Break-glass and modes for some hours: under a ticket, on record, and gone.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::kit::lab::{Lab, NAME, eventually, trivy};

fn glass(image: &str) -> Value {
    json!({
        "image": image, "environment": "production", "ticket": "INC-7", "hours": 2,
        "reason": "checkout is down",
    })
}

/// The grant as it is on record: without what is judged when it is told.
async fn grant(lab: &Lab, request: &Value) -> Value {
    let ask = lab.api("POST", "/api/v1/break-glass").json(request);
    on_record(ask.send().await.expect(200))
}

fn on_record(mut told: Value) -> Value {
    if let Some(grant) = told.as_object_mut() {
        grant.remove("still_denied");
    }
    told
}

async fn set_mode(lab: &Lab, mode: &str) -> Value {
    let request = json!({"environment": "production", "mode": mode, "hours": 4, "ticket": "OPS-1"});
    let ask = lab.api("POST", "/api/v1/modes").json(&request);
    ask.send().await.expect(200)
}

async fn decisions(lab: &Lab, verdict: &str) -> Vec<Value> {
    let path = format!("/api/v1/decisions?verdict={verdict}");
    let listed = lab.api("GET", &path).send().await.expect(200);
    listed["decisions"].as_array().unwrap().clone()
}

#[tokio::test]
async fn break_glass_lets_one_image_through_and_records_every_pull() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let (other, _) = lab.put(NAME, "2");
    let digest = image.manifest.digest.to_string();
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 403);
    let granted = grant(&lab, &glass(&named)).await;
    let by = granted["granted_by"].as_str().unwrap();
    assert!(by.starts_with("admin"), "{by}");
    assert_eq!(granted["ticket"], "INC-7");
    for _ in 0..3 {
        let pulled = lab.pull(0, NAME, &digest).await;
        assert_eq!(pulled.status, 200, "{}", pulled.text());
        let warning = pulled.header("warning").unwrap_or_default().to_owned();
        assert!(warning.contains("INC-7"), "{warning}");
    }
    let elsewhere = lab.pull(0, NAME, &other.manifest.digest.to_string()).await;
    assert_eq!(elsewhere.status, 403);
    eventually("three pulls on record", || async {
        decisions(&lab, "break-glass").await.len() == 3
    })
    .await;
    let decision = &decisions(&lab, "break-glass").await[0];
    assert_eq!(decision["evidence"][0], granted["id"]);
    let listed = lab
        .api("GET", "/api/v1/break-glass")
        .send()
        .await
        .expect(200);
    assert_eq!(on_record(listed["break_glass"][0].clone()), granted);
    let status = lab.api("GET", "/api/v1/status").send().await.expect(200);
    assert_eq!(on_record(status["break_glass"][0].clone()), granted);
    lab.stop().await;
}

#[tokio::test]
async fn break_glass_lifts_a_revocation_only_when_it_says_so() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    let revoke = json!({"image": named, "reason": "leaks a key"});
    lab.api("POST", "/api/v1/revocations")
        .json(&revoke)
        .send()
        .await
        .expect(200);
    grant(&lab, &glass(&named)).await;
    let denied = lab.pull(0, NAME, &digest).await;
    assert!(denied.reason.contains("revoked"), "{}", denied.reason);
    let mut request = glass(&named);
    request["revoked"] = json!(true);
    grant(&lab, &request).await;
    let pulled = lab.pull(0, NAME, &digest).await;
    assert_eq!(pulled.status, 200, "{} {}", pulled.head, pulled.text());
    lab.stop().await;
}

#[tokio::test]
async fn overrides_need_a_ticket_a_bound_and_an_on_call_person() {
    let lab = Lab::start().await;
    let (_, named) = lab.put(NAME, "1");
    for (key, bad) in [
        ("hours", json!(0)),
        ("hours", json!(25)),
        ("ticket", json!(" ")),
        ("reason", json!("")),
        ("environment", json!("moon")),
        ("image", json!(format!("registry.example/{NAME}:1"))),
    ] {
        let mut request = glass(&named);
        request[key] = bad;
        let ask = lab.api("POST", "/api/v1/break-glass").json(&request);
        assert_eq!(ask.send().await.refusal(400).0, "bad-request", "{request}");
    }
    for (name, role, expected) in [
        ("scanner", "scanner", 403),
        ("promoter", "promoter", 403),
        ("viewer", "viewer", 403),
        ("on-call", "on-call", 200),
    ] {
        let token = lab.token(json!({"name": name, "role": role})).await;
        let ask = lab.nobody("POST", "/api/v1/break-glass").token(&token);
        assert_eq!(
            ask.json(&glass(&named)).send().await.status,
            expected,
            "{role}"
        );
        let mode = json!({"environment": "staging", "mode": "warn", "hours": 1, "ticket": "T"});
        let ask = lab.nobody("POST", "/api/v1/modes").token(&token);
        assert_eq!(ask.json(&mode).send().await.status, expected, "{role}");
    }
    // A token of some repositories cannot speak for a digest wherever it lies.
    let request =
        json!({"name": "some", "role": "on-call", "repositories": ["registry.example/team/*"]});
    let token = lab.token(request).await;
    let ask = lab.nobody("POST", "/api/v1/break-glass").token(&token);
    assert_eq!(ask.json(&glass(&named)).send().await.status, 403);
    lab.stop().await;
}

#[tokio::test]
async fn a_lowered_mode_serves_at_once_and_an_earlier_end_denies_at_once() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    // Remembered denials must not outlive the mode they were given in.
    let report = trivy(&image, &["CRITICAL"]);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 403);
    let set = set_mode(&lab, "audit").await;
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 200);
    let status = lab.api("GET", "/api/v1/status").send().await.expect(200);
    assert_eq!(status["environments"][0]["mode"], "audit");
    assert_eq!(status["environments"][0]["set"], set);
    let verdict = lab.verdict(&named, "production").await;
    assert_eq!(
        (&verdict["mode"], &verdict["allowed"]),
        (&json!("audit"), &json!(true))
    );
    assert_eq!(verdict["reasons"][0]["lifted_by"], "mode");
    set_mode(&lab, "enforce").await;
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 403);
    // What holds outlives the program.
    set_mode(&lab, "warn").await;
    let lab = lab.restarted().await;
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 200);
    lab.stop().await;
}

async fn end(lab: &Lab, token: &str, path: &str) -> crate::kit::lab::Answer {
    let path = format!("/api/v1/{path}?reason=the%20fix%20is%20out");
    lab.nobody("DELETE", &path).token(token).send().await
}

#[tokio::test]
async fn break_glass_is_listed_with_its_image_and_ended_at_once() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    let asked = format!("registry.example/{NAME}:1@{digest}");
    let granted = grant(&lab, &glass(&asked)).await;
    let listed = async || {
        let ask = lab.api("GET", "/api/v1/break-glass");
        ask.send().await.expect(200)["break_glass"].clone()
    };
    assert_eq!(listed().await[0]["image"], *asked);
    assert_eq!(listed().await[0]["reason"], "checkout is down");
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 200);
    let id = granted["id"].as_str().unwrap();
    let ended = end(&lab, &lab.token, &format!("break-glass/{id}")).await;
    let ended = ended.expect(200);
    assert_eq!(ended["ended"], granted);
    assert!(ended["ended_by"].as_str().unwrap().starts_with("admin"));
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 403);
    assert_eq!(listed().await, json!([]));
    let number = id.strip_prefix("break-glass:").unwrap();
    for id in [number, "7", "x", "-1", "99999999999999999999"] {
        let again = end(&lab, &lab.token, &format!("break-glass/{id}")).await;
        let (code, text) = again.refusal(404);
        assert_eq!(code, "not-found");
        assert!(text.contains("break-glass list"), "{text}");
    }
    // By its number, and for good.
    let second = grant(&lab, &glass(&named)).await;
    let number = second["id"].as_str().unwrap().rsplit(':').next().unwrap();
    end(&lab, &lab.token, &format!("break-glass/{number}"))
        .await
        .expect(200);
    let lab = lab.restarted().await;
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 403);
    lab.stop().await;
}

#[tokio::test]
async fn a_mode_that_is_ended_gives_way_to_the_configuration() {
    let lab = Lab::start().await;
    let (image, _) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    set_mode(&lab, "warn").await;
    let request = json!({"environment": "production", "mode": "audit", "hours": 4,
        "ticket": "OPS-1", "reason": "the scanner is down"});
    let ask = lab.api("POST", "/api/v1/modes").json(&request);
    let set = ask.send().await.expect(200);
    assert_eq!(set["reason"], "the scanner is down");
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 200);
    let ended = end(&lab, &lab.token, "modes/production").await.expect(200);
    assert_eq!((&ended["ended"], &ended["mode"]), (&set, &json!("enforce")));
    // Not the one that was set before it, either.
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 403);
    let again = end(&lab, &lab.token, "modes/production").await;
    assert_eq!(again.refusal(404).0, "not-found");
    let unknown = end(&lab, &lab.token, "modes/moon").await;
    let (code, text) = unknown.refusal(400);
    assert!(
        code == "bad-request" && text.contains("production, staging"),
        "{text}"
    );
    let lab = lab.restarted().await;
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 403);
    lab.stop().await;
}

/// What is dated ahead of a clock that was set back comes into force by itself, unless it
/// can be seen and ended before.
#[tokio::test]
async fn an_override_that_is_dated_ahead_is_listed_and_ended() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    let granted = grant(&lab, &glass(&named)).await;
    let set = set_mode(&lab, "audit").await;
    let day = SignedDuration::from_hours(24);
    lab.advance_long(-day).await;
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 403);
    for (path, key, one) in [
        ("break-glass", "break_glass", &granted),
        ("modes", "modes", &set),
    ] {
        let ask = lab.api("GET", &format!("/api/v1/{path}"));
        let listed = ask.send().await.expect(200)[key].clone();
        let listed: Vec<Value> = serde_json::from_value(listed).unwrap();
        let listed: Vec<Value> = listed.into_iter().map(on_record).collect();
        assert_eq!(json!(listed), json!([one]));
    }
    let id = granted["id"].as_str().unwrap();
    for path in [format!("break-glass/{id}"), "modes/production".to_owned()] {
        end(&lab, &lab.token, &path).await.expect(200);
    }
    lab.advance_long(day).await;
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 403);
    lab.stop().await;
}

#[tokio::test]
async fn a_mode_that_another_replaced_does_not_come_back_with_a_clock_that_is_set_back() {
    let lab = Lab::start().await;
    let (image, _) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    set_mode(&lab, "audit").await;
    let hours = SignedDuration::from_hours(5);
    lab.advance_long(hours).await;
    set_mode(&lab, "enforce").await;
    end(&lab, &lab.token, "modes/production").await.expect(200);
    lab.advance_long(-hours).await;
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 403);
    lab.stop().await;
}

#[tokio::test]
async fn who_may_not_grant_an_override_may_not_end_one_or_see_anothers_image() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let granted = grant(&lab, &glass(&named)).await;
    set_mode(&lab, "audit").await;
    let paths = [
        format!("break-glass/{}", granted["id"].as_str().unwrap()),
        "modes/production".to_owned(),
    ];
    for (name, role, key, scope) in [
        ("scanner", "scanner", "repositories", "**"),
        ("viewer", "viewer", "environments", "production"),
        (
            "narrow",
            "on-call",
            "repositories",
            "registry.example/team/*",
        ),
        ("elsewhere", "on-call", "environments", "staging"),
    ] {
        let token = lab
            .token(json!({"name": name, "role": role, key: [scope]}))
            .await;
        for path in &paths {
            let refused = end(&lab, &token, path).await;
            assert!(
                [403, 404].contains(&refused.status),
                "{name} {path}: {refused:?}"
            );
        }
    }
    assert_eq!(end(&lab, "sks_none", &paths[0]).await.status, 401);
    // The same bytes in a second repository: the first one's name is not shown there.
    lab.upstream.put_image("other/app", &image);
    let digest = image.manifest.digest.to_string();
    assert_eq!(lab.pull(0, "other/app", &digest).await.status, 200);
    let scope =
        json!({"name": "other", "role": "viewer", "repositories": ["registry.example/other/*"]});
    let token = lab.token(scope).await;
    let seen = lab.nobody("GET", "/api/v1/break-glass").token(&token);
    let seen = seen.send().await.expect(200);
    let expected = format!("registry.example/other/app@{digest}");
    assert_eq!(seen["break_glass"][0]["image"], *expected);
    let status = lab.nobody("GET", "/api/v1/status").token(&token);
    let status = status.send().await.expect(200);
    assert_eq!(status["break_glass"][0]["image"], *expected);
    lab.stop().await;
}
