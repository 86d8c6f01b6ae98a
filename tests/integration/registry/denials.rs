//! The answer to a denied pull, as clients were seen to read it.

use serde_json::{Value, json};

use crate::kit::{Found, Reply, Setup, World, blobs, image, manifests, report};

const NAME: &str = "docker.io/team/app";

#[tokio::test]
async fn a_denial_says_why_and_what_next_in_one_line_and_links_its_decision() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    let reply = world.both(&manifests(NAME, &app.manifest.digest)).await;
    assert_eq!(reply.status, 403);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let document = reply.json();
    let errors = document["errors"].as_array().unwrap();
    assert_eq!((errors.len(), &errors[0]["code"]), (1, &json!("DENIED")));
    assert_eq!(errors[0]["message"], json!(reply.phrase));
    assert!(reply.phrase.len() < 200 && reply.phrase.starts_with("sekisho: not-scanned: "));
    let detail = errors[0]["detail"].as_str().unwrap();
    let link = reply.phrase.split(": ").last().unwrap();
    assert!(detail.contains(link), "{detail}");
    // Whoever holds the id may read that one decision, without a token.
    let page = link.strip_prefix(&format!("http://{}", world.app().admin()));
    let page = page.unwrap_or_else(|| panic!("{link} does not lead here"));
    assert!(page.starts_with("/d/"));
    world.decisions("denied", 1).await;
    let sent = crate::kit::Wire::send(world.app().admin(), "GET", page, &[], b"");
    let shown = sent.await.reply().await;
    assert_eq!(shown.status, 200);
    let text = String::from_utf8(shown.body).unwrap();
    assert!(text.contains("not-scanned"), "{text}");
    let guess = page.replace(|c: char| c.is_ascii_digit(), "0");
    let sent = crate::kit::Wire::send(world.app().admin(), "GET", &guess, &[], b"");
    assert_eq!(sent.await.reply().await.status, 404);
}

#[tokio::test]
async fn a_finding_is_named_with_its_fix() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    let found = Found {
        id: "CVE-2026-1234",
        severity: "HIGH",
        package: "openssl",
    };
    world.scan(NAME, &app, &[found]).await;
    let reply = world.both(&manifests(NAME, &app.manifest.digest)).await;
    reply.assert_denied("too-severe");
    for part in ["CVE-2026-1234", "HIGH", "openssl 1.0", "1.1"] {
        assert!(reply.phrase.contains(part), "{}", reply.phrase);
    }
}

#[tokio::test]
async fn a_new_report_is_reported_at_once_although_the_reason_stays() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    let path = manifests(NAME, &app.manifest.digest);
    for id in ["CVE-2026-0001", "CVE-2026-0002"] {
        let found = Found {
            id,
            severity: "HIGH",
            package: "openssl",
        };
        world.scan(NAME, &app, &[found]).await;
        let reply = world.both(&path).await;
        reply.assert_denied("too-severe");
        assert!(reply.phrase.contains(id), "{}", reply.phrase);
    }
}

/// Bypass 25: text from a report breaks a header, a terminal or a body.
#[tokio::test]
async fn hostile_text_in_a_report_breaks_nothing() {
    let texts = [
        "zlib\r\nX-Evil: 1\r\n\r\n<html>".to_owned(),
        "zlib\u{1b}[2J\u{1b}]0;evil\u{7}".to_owned(),
        "zlib\",\"code\":\"OK\\".to_owned(),
        "=cmd|' /C calc'!A0".to_owned(),
        "\u{202e}evil\u{0}\u{85}\u{2028}".to_owned(),
        "z".repeat(10_000),
        "é".repeat(10_000),
    ];
    let all = &[
        "PkgName",
        "VulnerabilityID",
        "InstalledVersion",
        "FixedVersion",
    ][..];
    for (mode, keys) in [("enforce", all), ("warn", &all[..1])] {
        let setup = Setup::default().production(&format!("mode = \"{mode}\""));
        let world = World::of(setup).await;
        for (at, text) in texts.iter().enumerate() {
            let app = image(&format!("app {at}"));
            world.hub.put_image("team/app", &app);
            for key in keys {
                let found = Found {
                    id: "CVE-2026-1234",
                    severity: "CRITICAL",
                    package: "zlib",
                };
                let mut hostile = report(&app, &[found]);
                hostile["Results"][0]["Vulnerabilities"][0][*key] = json!(text);
                hand_in(&world, &app.manifest.digest.to_string(), &hostile).await;
                let path = manifests(NAME, &app.manifest.digest);
                let layer = blobs(NAME, &app.layers[0].digest);
                for path in [path, layer] {
                    assert_harmless(&world.both(&path).await);
                }
            }
        }
    }
}

/// A report that is refused for its text is harmless, too.
async fn hand_in(world: &World, digest: &str, report: &Value) {
    let body = json!({ "image": format!("{NAME}@{digest}"), "report": report });
    let reply = world.admin("POST", "/api/v1/scans", Some(&body)).await;
    assert!(matches!(reply.status, 200 | 400 | 422), "{reply:?}");
    assert_harmless(&reply);
}

#[track_caller]
fn assert_harmless(reply: &Reply) {
    let printable = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    assert!(printable(&reply.phrase) && reply.phrase.len() < 200);
    assert_eq!(reply.header("x-evil"), None);
    for (name, value) in &reply.headers {
        assert!(printable(value), "{name}: {value:?}");
    }
    if reply.status == 403 {
        assert_eq!(reply.code(), "DENIED");
        assert_eq!(reply.message(), reply.phrase);
    }
}

#[tokio::test]
async fn hostile_text_in_a_revocation_or_a_request_breaks_nothing() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    let reason = "bad\r\nX-Evil: 1\u{1b}[2J\"\\ \u{202e}";
    let named = format!("{NAME}@{}", app.manifest.digest);
    let body = json!({ "image": named, "reason": reason });
    let reply = world
        .admin("POST", "/api/v1/revocations", Some(&body))
        .await;
    assert_eq!(reply.status, 200);
    let reply = world.both(&manifests(NAME, &app.manifest.digest)).await;
    reply.assert_denied("revoked");
    assert_harmless(&reply);
    for ns in [
        "%0d%0aX-Evil:%201",
        "%1b%5b2J",
        "%22%5c",
        "%e2%80%ae",
        &"z".repeat(5000),
    ] {
        let reply = world
            .both(&format!("/v2/team/app/manifests/1?ns={ns}"))
            .await;
        reply.assert_denied("unknown-upstream");
        assert_harmless(&reply);
    }
}
