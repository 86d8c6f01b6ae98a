//! Who may do what: every role at every route.

use serde_json::{Value, json};

use crate::kit::lab::{Lab, NAME, eventually, trivy};

const ROLES: [&str; 6] = [
    "puller", "scanner", "promoter", "viewer", "on-call", "admin",
];

/// A route, a good request, and the status for each role in the order of `ROLES`.
type Row = (&'static str, String, Option<Value>, [u16; 6]);

fn table(named: &str, report: &Value) -> Vec<Row> {
    let view = [403, 200, 200, 200, 200, 200];
    let admin = [403, 403, 403, 403, 403, 200];
    let revoke = [403, 403, 403, 403, 200, 200];
    let path = |path: &str| format!("/api/v1/{path}");
    let reason = json!({"image": named, "reason": "r", "environment": "production"});
    let promotion = json!({"image": named, "environment": "staging"});
    let scan = json!({"image": named, "report": report});
    let token = json!({"name": "made", "role": "viewer"});
    vec![
        (
            "POST",
            path("scans"),
            Some(scan),
            [403, 200, 403, 403, 403, 200],
        ),
        (
            "POST",
            path("promotions"),
            Some(promotion),
            [403, 403, 200, 403, 403, 200],
        ),
        ("POST", path("revocations"), Some(reason.clone()), revoke),
        ("POST", path("revocations/reinstate"), Some(reason), revoke),
        (
            "GET",
            path(&format!("verdicts?image={named}&environment=staging")),
            None,
            view,
        ),
        ("GET", path("decisions"), None, view),
        ("GET", path("status"), None, view),
        ("GET", path("tokens"), None, admin),
        ("POST", path("tokens"), Some(token), admin),
        ("DELETE", path("tokens/made"), None, admin),
    ]
}

#[tokio::test]
async fn every_role_at_every_route() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let report = trivy(&image, &[]);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    let mut tokens = Vec::new();
    for role in ROLES {
        tokens.push(lab.token(json!({"name": role, "role": role})).await);
    }
    for (method, path, body, statuses) in table(&named, &report) {
        let ask = |token: Option<&str>| {
            let mut ask = lab.nobody(method, &path);
            if let Some(token) = token {
                ask = ask.token(token);
            }
            match &body {
                Some(body) => ask.json(body),
                None => ask,
            }
        };
        for ((role, token), status) in ROLES.iter().zip(&tokens).zip(statuses) {
            let answer = ask(Some(token)).send().await;
            assert_eq!(
                answer.status,
                status,
                "{role} {method} {path}: {}",
                answer.text()
            );
            if status == 403 {
                assert_eq!(answer.refusal(403).0, "forbidden");
            }
        }
        let writes = method != "GET" || path.ends_with("tokens");
        let answer = ask(None).send().await;
        assert_eq!(
            answer.status,
            if writes { 401 } else { 200 },
            "nobody {method} {path}"
        );
        if writes {
            assert!(
                answer
                    .header("www-authenticate")
                    .unwrap()
                    .starts_with("Bearer")
            );
        }
        for wrong in ["sks_x", "", "Bearer"] {
            let answer = ask(Some(wrong)).send().await;
            assert_eq!(answer.refusal(401).0, "unauthenticated", "{method} {path}");
        }
    }
    lab.stop().await;
}

#[tokio::test]
async fn expired_and_revoked_tokens_are_nobody() {
    let lab = Lab::start().await;
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(700);
    let request = json!({"name": "brief", "role": "viewer", "expires_at": soon.to_string()});
    let brief = lab.token(request).await;
    let gone = lab.token(json!({"name": "gone", "role": "viewer"})).await;
    let status = async |token: &str| {
        let ask = lab.nobody("GET", "/api/v1/status").token(token);
        ask.send().await.status
    };
    assert_eq!(status(&gone).await, 200);
    lab.api("DELETE", "/api/v1/tokens/gone")
        .send()
        .await
        .expect(200);
    assert_eq!(status(&gone).await, 401);
    eventually("the token expires", || async {
        status(&brief).await == 401
    })
    .await;
    let (code, _) = lab
        .api("DELETE", "/api/v1/tokens/nobody")
        .send()
        .await
        .refusal(404);
    assert_eq!(code, "not-found");
    let again = json!({"name": "gone", "role": "admin"});
    let again = lab.api("POST", "/api/v1/tokens").json(&again).send().await;
    assert_eq!(again.refusal(409).0, "conflict");
    lab.stop().await;
}

/// It could make itself a token that reaches everything.
#[tokio::test]
async fn an_admin_of_some_places_manages_no_tokens() {
    let lab = Lab::start().await;
    for (name, key, place) in [
        ("team", "repositories", "registry.example/team/**"),
        ("stage", "environments", "staging"),
    ] {
        let mut request = json!({"name": name, "role": "admin"});
        request[key] = json!([place]);
        let token = lab.token(request).await;
        let wide = json!({"name": "wide", "role": "admin"});
        let made = lab
            .nobody("POST", "/api/v1/tokens")
            .token(&token)
            .json(&wide);
        assert_eq!(made.send().await.refusal(403).0, "forbidden");
        for (method, path) in [("GET", "tokens"), ("DELETE", "tokens/team?evidence=true")] {
            let ask = lab.nobody(method, &format!("/api/v1/{path}")).token(&token);
            assert_eq!(ask.send().await.refusal(403).0, "forbidden");
        }
    }
    lab.stop().await;
}

#[tokio::test]
async fn what_a_stolen_token_handed_in_is_withdrawn_with_it() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    let scanner = lab.token(json!({"name": "ci", "role": "scanner"})).await;
    let promoter = lab.token(json!({"name": "rel", "role": "promoter"})).await;
    lab.submit(&scanner, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    let promotion = json!({"image": named, "environment": "production"});
    lab.promote(&promoter, promotion).await.expect(200);
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 200);
    let kept = lab
        .api("DELETE", "/api/v1/tokens/rel")
        .send()
        .await
        .expect(200);
    assert_eq!(kept["withdrawn_promotions"], 0);
    assert_eq!(kept["revoked_before"], Value::Null);
    let again = lab.api("DELETE", "/api/v1/tokens/rel").send().await;
    assert!(again.expect(200)["revoked_before"].is_string());
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 200);
    let taken = lab
        .api("DELETE", "/api/v1/tokens/ci?evidence=true")
        .send()
        .await;
    assert_eq!(taken.expect(200)["withdrawn_scans"], 1);
    let pulled = lab.pull(0, NAME, &digest).await;
    assert_eq!(pulled.status, 403);
    assert!(pulled.reason.contains("not-scanned"), "{}", pulled.head);
    let wrong = lab
        .api("DELETE", "/api/v1/tokens/ci?evidence=maybe")
        .send()
        .await;
    assert_eq!(wrong.refusal(400).0, "bad-request");
    lab.stop().await;
}

#[tokio::test]
async fn what_a_stolen_token_let_pass_is_denied_again_and_what_it_made_is_named() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    lab.submit(&lab.token, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    let thief = lab.token(json!({"name": "thief", "role": "admin"})).await;
    let on_call = lab.token(json!({"name": "shift", "role": "on-call"})).await;
    let body =
        json!({"image": format!("registry.example/{NAME}@{digest}"), "reason": "a backdoor"});
    for (token, path) in [(&on_call, ""), (&thief, "/reinstate")] {
        let path = format!("/api/v1/revocations{path}");
        let ask = lab.api("POST", &path).token(token).json(&body);
        ask.send().await.expect(200);
    }
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 200);
    let spare = json!({"name": "spare", "role": "viewer"});
    let ask = lab.api("POST", "/api/v1/tokens").token(&thief).json(&spare);
    ask.send().await.expect(200);
    let revoke = lab.api("DELETE", "/api/v1/tokens/thief?evidence=true");
    let taken = revoke.send().await.expect(200);
    assert_eq!(taken["withdrawn_reinstatements"], 1);
    assert_eq!(taken["tokens_made"], json!(["spare"]));
    let pulled = lab.pull(1, NAME, &digest).await;
    assert_eq!(pulled.status, 403);
    assert!(pulled.reason.contains("revoked"), "{}", pulled.head);
    lab.stop().await;
}

#[tokio::test]
async fn a_secret_is_shown_once_and_kept_nowhere() {
    let lab = Lab::start().await;
    let (_, named) = lab.put(NAME, "1");
    let secret = lab.token(json!({"name": "ci", "role": "admin"})).await;
    lab.promote(
        &secret,
        json!({"image": named, "environment": "production"}),
    )
    .await;
    let list = lab.api("GET", "/api/v1/tokens").send().await;
    assert_eq!(list.expect(200)["tokens"].as_array().unwrap().len(), 2);
    let bare = secret.trim_start_matches("sks_").to_owned();
    assert!(!list.text().contains(&bare));
    let ended = lab.ended().await;
    let folder = ended.data();
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(bare.len()).any(|it| it == bare.as_bytes());
            assert!(!found, "{}", path.display());
            files += 1;
        }
    }
    assert!(files >= 3, "ledger, audit log, first token: {files}");
}
