//! The page that a denial links to.

use serde_json::json;

use super::visitor::Visitor;
use crate::kit::lab::{ENVIRONMENTS, LISTENERS, Lab, NAME, eventually, trivy};

/// A denied pull, and the path of its decision when it is written.
pub async fn denied(lab: &Lab, listener: usize, name: &str, tag: &str) -> String {
    let (image, _) = lab.put(name, tag);
    let digest = image.manifest.digest.to_string();
    let answer = lab.pull(listener, name, &digest).await.expect(403);
    let message = answer["errors"][0]["message"].as_str().unwrap();
    let (_, id) = message.rsplit_once("/d/").unwrap();
    let path = format!("/d/{id}");
    let known = || async { lab.nobody("GET", &path).send().await.status == 200 };
    eventually("the decision is written", known).await;
    path
}

#[tokio::test]
async fn a_decision_is_a_page_to_browsers_text_to_curl_and_json_when_asked() {
    let lab = Lab::start().await;
    let path = denied(&lab, 0, NAME, "1").await;
    let page = Visitor::new(&lab).open(&path).await;
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(page.text().contains("not-scanned") && page.text().contains("<h1>"));
    let text = lab
        .nobody("GET", &path)
        .header("accept", "*/*")
        .send()
        .await;
    assert_eq!(
        text.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let json = lab
        .nobody("GET", &path)
        .header("accept", "application/json");
    let json = json.send().await.expect(200);
    assert!(path.ends_with(json["id"].as_str().unwrap()));
    assert_eq!(json["reasons"][0], "not-scanned");
    lab.stop().await;
}

/// A denied image with a finding that has a fix, and the path of the decision.
async fn severe(lab: &Lab) -> (String, String) {
    let (image, named) = lab.put(NAME, "bad");
    let report = trivy(&image, &["CRITICAL"]);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    (denied(lab, 0, NAME, "bad").await, named)
}

#[tokio::test]
async fn a_reader_sees_every_finding_with_its_fix_and_who_can_lift_it_how() {
    let lab = Lab::start().await;
    let (path, named) = severe(&lab).await;
    let page = Visitor::with(&lab, &lab.token).await.shown(&path).await;
    for part in [
        "CVE-2026-1234",
        "openssl-CRITICAL",
        "3.0.2",
        "[[exception]]",
        "images = [&#34;registry.example/team/app&#34;]",
        "whoever releases it, with a promoter token",
        &format!("sekisho promote {named} --to production"),
        &format!("sekisho break-glass {named} --environment production"),
        "none would pass",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("Open as a merge request"));
    lab.stop().await;
}

#[tokio::test]
async fn who_holds_the_link_alone_sees_the_record_and_no_findings() {
    let lab = Lab::of_admin("address = \"127.0.0.1:0\"\nanonymous_reads = false").await;
    let (path, _) = severe(&lab).await;
    let page = Visitor::new(&lab).shown(&path).await;
    assert!(
        page.contains("too-severe") && page.contains("are for readers"),
        "{page}"
    );
    assert!(!page.contains("[[exception]]") && !page.contains("<h2 id=\"findings\""));
    lab.stop().await;
}

#[tokio::test]
async fn the_page_names_a_digest_of_the_repository_that_would_pass() {
    let lab = Lab::start().await;
    let (image, good) = lab.put(NAME, "good");
    let report = trivy(&image, &[]);
    lab.submit(&lab.token, &good, &report).await.expect(200);
    let request = json!({"image": good, "environment": "production"});
    lab.promote(&lab.token, request).await.expect(200);
    let (path, _) = severe(&lab).await;
    let page = Visitor::with(&lab, &lab.token).await.shown(&path).await;
    assert!(
        page.contains("these would pass") && page.contains(&good),
        "{page}"
    );
    lab.stop().await;
}

#[tokio::test]
async fn a_draft_opens_as_a_merge_request_where_one_is_configured() {
    let folder = tempfile::tempdir().unwrap();
    let rest = format!(
        "{ENVIRONMENTS}\n[console]\nmerge_request_url = \
         \"https://gitlab.example/x/-/new/main?file_name={{file}}&content={{content}}\"\n"
    );
    let lab = Lab::inside(folder, LISTENERS, &rest).await;
    let (path, _) = severe(&lab).await;
    let page = Visitor::with(&lab, &lab.token).await.shown(&path).await;
    let (_, link) = page.split_once("href=\"https://gitlab.example/").unwrap();
    let link = link.split('"').next().unwrap();
    assert!(link.contains("content=%23%20CVE-2026-1234"), "{link}");
    assert!(
        link.contains("file_name=exceptions%2Fregistry-example-team-app-"),
        "{link}"
    );
    let found = Visitor::new(&lab).shown("/images?cve=CVE-2026-1234").await;
    let opened = "file_name=advisories%2Fcve-2026-1234.toml&#38;content=%5B%5Badvisory";
    assert!(found.contains(opened), "{found}");
    lab.stop().await;
}

#[tokio::test]
async fn what_others_wrote_is_text_on_the_page() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let reason = "<script>alert(1)</script>\u{202e}\"><img src=x onerror=alert(1)>";
    let body = json!({"image": named, "reason": reason});
    let ask = lab.api("POST", "/api/v1/revocations").json(&body);
    ask.send().await.expect(200);
    let digest = image.manifest.digest.to_string();
    let answer = lab.pull(0, NAME, &digest).await.expect(403);
    let message = answer["errors"][0]["message"].as_str().unwrap();
    let path = format!("/d/{}", message.rsplit_once("/d/").unwrap().1);
    let known = || async { lab.nobody("GET", &path).send().await.status == 200 };
    eventually("the decision is written", known).await;
    let page = Visitor::with(&lab, &lab.token).await.shown(&path).await;
    assert!(page.contains("alert(1)"), "{page}");
    for unsafe_text in ["<script>alert", "<img src=x", "\u{202e}"] {
        assert!(!page.contains(unsafe_text), "{unsafe_text}: {page}");
    }
    lab.stop().await;
}

/// Whoever opens the link later is not sent after what has come meanwhile.
#[tokio::test]
async fn the_page_says_what_to_do_about_the_reasons_of_now() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let path = denied(&lab, 0, NAME, "1").await;
    let reader = Visitor::with(&lab, &lab.token).await;
    let page = reader.shown(&path).await;
    let submit = format!("sekisho scan submit --image {named}");
    assert!(
        page.contains(&submit) && !page.contains("for other reasons"),
        "{page}"
    );
    let text = lab.nobody("GET", &path).send().await.text();
    let next = format!("next        hand in a scan: {submit} --report report.json\n");
    assert!(text.contains(&next), "{text}");
    let report = trivy(&image, &["CRITICAL"]);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    let page = reader.shown(&path).await;
    assert!(
        page.contains("denied again, for other reasons") && page.contains("Why it is denied now"),
        "{page}"
    );
    assert!(
        page.contains("ask for an exception") && !page.contains(&submit),
        "{page}"
    );
    lab.stop().await;
}
