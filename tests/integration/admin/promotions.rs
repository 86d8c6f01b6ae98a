//! Promotion: judged first, and the same judgement as a pull.

use sekisho::demo::RequestKind;
use serde_json::{Value, json};

use crate::kit::lab::{DOOR, Lab, NAME, trivy};

fn to(image: &str, environment: &str) -> Value {
    json!({"image": image, "environment": environment})
}

#[tokio::test]
async fn a_denied_promotion_records_nothing_and_shows_the_verdict() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let denied = lab.promote(&lab.token, to(&named, "production")).await;
    let (code, _) = denied.refusal(422);
    assert_eq!(code, "denied");
    let reasons = denied.value()["verdict"]["reasons"].clone();
    assert_eq!(reasons.as_array().unwrap().len(), 1, "{reasons}");
    assert_eq!(reasons[0]["reason"], "not-scanned");
    lab.submit(&lab.token, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    let verdict = lab.verdict(&named, "production").await;
    assert_eq!(
        verdict["reasons"][0]["reason"], "not-promoted",
        "nothing was recorded"
    );
    let made = lab
        .promote(&lab.token, to(&named, "production"))
        .await
        .expect(200);
    assert_eq!(made["verdict"]["allowed"], true);
    assert_eq!(made["forced"], false);
    let pulled = lab.pull(0, NAME, &image.manifest.digest.to_string()).await;
    assert_eq!(
        (pulled.status, &pulled.body[..]),
        (200, &image.manifest.bytes[..])
    );
    lab.stop().await;
}

#[tokio::test]
async fn force_records_it_and_the_pull_stays_denied() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let mut request = to(&named, "production");
    request["force"] = json!(true);
    let made = lab.promote(&lab.token, request).await.expect(200);
    assert_eq!(made["forced"], true);
    assert_eq!(made["verdict"]["allowed"], false);
    let digest = image.manifest.digest.to_string();
    let pulled = lab.pull(0, NAME, &digest).await;
    assert_eq!(pulled.status, 403);
    assert!(pulled.reason.contains("not-scanned"), "{}", pulled.head);
    assert_eq!(
        lab.upstream.count(&http::Method::GET, RequestKind::Blob),
        1,
        "the config alone"
    );
    lab.submit(&lab.token, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 200);
    lab.stop().await;
}

#[tokio::test]
async fn what_was_revoked_or_cannot_be_read_safely_cannot_be_forced() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    lab.submit(&lab.token, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    let revoked = json!({"image": named, "reason": "leaks a key"});
    let ask = lab.api("POST", "/api/v1/revocations").json(&revoked);
    ask.send().await.expect(200);
    let mut request = to(&named, "production");
    request["force"] = json!(true);
    let denied = lab.promote(&lab.token, request).await;
    assert_eq!(denied.refusal(422).0, "denied");
    assert_eq!(denied.value()["verdict"]["reasons"][0]["reason"], "revoked");

    let foreign = foreign_layer(&image.manifest.bytes);
    lab.upstream.put_manifest(NAME, &foreign);
    let named = crate::kit::lab::named(NAME, &foreign.digest);
    let request = json!({"image": named, "environment": "production", "force": true});
    let (code, text) = lab.promote(&lab.token, request).await.refusal(422);
    assert!(code == "denied" || code == "refused", "{code} {text}");
    let pulled = lab.pull(0, NAME, &foreign.digest.to_string()).await;
    assert_eq!(pulled.status, 403, "{}", pulled.text());
    lab.stop().await;
}

/// The same manifest, but nodes would fetch a layer from elsewhere by themselves.
fn foreign_layer(manifest: &[u8]) -> sekisho::demo::SampleContent {
    let mut manifest: Value = serde_json::from_slice(manifest).unwrap();
    manifest["layers"][0]["urls"] = json!(["https://elsewhere.example/layer"]);
    let media_type = sekisho::oci::MediaType::OCI_MANIFEST;
    sekisho::demo::SampleContent::new(media_type, manifest.to_string())
}

#[tokio::test]
async fn a_bare_tag_needs_resolve_which_says_the_digest() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    lab.submit(&lab.token, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    let bare = format!("registry.example/{NAME}:1");
    let (code, text) = lab
        .promote(&lab.token, to(&bare, "production"))
        .await
        .refusal(400);
    assert_eq!(code, "bad-request");
    assert!(text.contains("--resolve"), "{text}");
    let mut request = to(&bare, "production");
    request["resolve"] = json!(true);
    let made = lab.promote(&lab.token, request).await.expect(200);
    assert_eq!(made["digest"], image.manifest.digest.to_string());
    assert_eq!(made["tag"], "1");
    lab.stop().await;
}

#[tokio::test]
async fn a_link_that_leads_nowhere_is_refused() {
    let lab = Lab::start().await;
    let (_, named) = lab.put(NAME, "1");
    for link in [
        "nope",
        "file:///x",
        "https://",
        "https://kai:pass@git.example/7",
        "https://git.example/a b",
    ] {
        let mut request = to(&named, "production");
        request["link"] = json!(link);
        let (code, text) = lab.promote(&lab.token, request).await.refusal(400);
        assert_eq!(code, "bad-request", "{link}");
        assert!(
            text.starts_with("link ") && !text.contains("pass@"),
            "{text}"
        );
    }
    lab.stop().await;
}

#[tokio::test]
async fn a_promoter_reaches_its_own_places_only() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let (_, elsewhere) = lab.put(DOOR, "1");
    lab.submit(&lab.token, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    let request = json!({
        "name": "releases", "role": "promoter", "environments": ["staging"],
        "repositories": ["registry.example/team/app"],
    });
    let token = lab.token(request).await;
    lab.promote(&token, to(&named, "staging")).await.expect(200);
    for (image, environment) in [(&named, "production"), (&elsewhere, "staging")] {
        let (code, _) = lab
            .promote(&token, to(image, environment))
            .await
            .refusal(403);
        assert_eq!(code, "forbidden", "{image} {environment}");
    }
    let (_, text) = lab
        .promote(&lab.token, to(&named, "prod"))
        .await
        .refusal(400);
    assert!(text.contains("production, staging"), "{text}");
    lab.stop().await;
}

/// An environment whose nodes nobody reaches from outside is judged as such by
/// everyone who asks.
#[tokio::test]
async fn the_verdict_is_the_one_that_a_pull_gets() {
    let listeners = "
[[listeners]]
address = \"127.0.0.1:0\"
environment = \"production\"
[[listeners]]
address = \"127.0.0.1:0\"
environment = \"batch\"
exposure = \"internal\"
";
    let lab = Lab::with(
        listeners,
        "[environments.production]\n[environments.batch]\n",
    )
    .await;
    let (image, named) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    let report = trivy(&image, &["HIGH"]);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    for (listener, environment, status) in [(0, "production", 403), (1, "batch", 200)] {
        let mut request = to(&named, environment);
        request["force"] = json!(true);
        let made = lab.promote(&lab.token, request).await.expect(200);
        let pulled = lab.pull(listener, NAME, &digest).await;
        assert_eq!(pulled.status, status, "{environment}: {}", pulled.head);
        let verdict = lab.verdict(&named, environment).await;
        assert_eq!(
            verdict["allowed"],
            status == 200,
            "{environment}: {verdict}"
        );
        assert_eq!(verdict["exposure"]["source"], "listener");
        assert_eq!(made["forced"], status == 403, "{environment}");
        if status == 403 {
            // Where the line ends, the client's goes on to the link.
            let message = verdict["message"].as_str().unwrap();
            let message = message.trim_end_matches('.');
            assert!(
                pulled.text().contains(message),
                "{message}: {}",
                pulled.text()
            );
        }
    }
    lab.stop().await;
}
