//! Build, scan, gate, push, bind, promote: what an image ID is worth.

use jiff::SignedDuration;
use sekisho::demo::{ImageBuilder, SampleImage, SampleIndex};
use sekisho::oci::Platform;
use serde_json::{Value, json};

use crate::kit::lab::{ENVIRONMENTS, LISTENERS, Lab, NAME, named, sample, trivy};

/// What Trivy prints of an image that lies in no registry.
fn before_the_push(image: &SampleImage, severities: &[&str]) -> Value {
    let mut report = trivy(image, severities);
    report["Metadata"]["RepoDigests"] = json!([]);
    report
}

async fn submit(lab: &Lab, token: &str, body: Value) -> crate::kit::lab::Answer {
    let ask = lab.nobody("POST", "/api/v1/scans").token(token);
    ask.json(&body).send().await
}

async fn bind(lab: &Lab, token: &str, image: &str, image_id: &str) -> crate::kit::lab::Answer {
    let ask = lab.nobody("POST", "/api/v1/scans/bind").token(token);
    let body = json!({"image": image, "image_id": image_id});
    ask.json(&body).send().await
}

/// Docker 29 and newer call an image by the digest of its manifest.
#[tokio::test]
async fn an_image_id_of_containerds_store_binds_to_the_manifest_that_it_names() {
    let lab = Lab::start().await;
    let image = sample("new", "amd64");
    let id = image.manifest.digest.to_string();
    let mut report = before_the_push(&image, &["LOW"]);
    report["Metadata"]["ImageID"] = json!(id);
    let body = json!({
        "image_id": id, "image": format!("registry.example/{NAME}:7"), "report": report,
    });
    submit(&lab, &lab.token, body).await.expect(200);
    lab.upstream.put_image(NAME, &image);
    let named = named(NAME, &image.manifest.digest);
    let bound = bind(&lab, &lab.token, &named, &id).await.expect(200);
    assert_eq!(bound["manifest"], json!(id));
    assert_eq!(lab.verdict(&named, "staging").await["allowed"], true);
}

/// Who knows what they will push cannot let it grow old before.
#[tokio::test]
async fn an_image_is_as_old_as_its_push_and_not_as_a_scan_before_it() {
    let waiting = format!("{ENVIRONMENTS}min_age = \"1h\"\n");
    let lab = Lab::with(LISTENERS, &waiting).await;
    let image = sample("new", "amd64");
    let id = image.config.digest.to_string();
    let body = json!({"image_id": id, "report": before_the_push(&image, &[])});
    submit(&lab, &lab.token, body).await.expect(200);
    let digest = image.manifest.digest.to_string();
    assert_ne!(lab.pull(0, NAME, &digest).await.status, 200);
    lab.advance_long(SignedDuration::from_hours(2)).await;
    lab.upstream.put_image(NAME, &image);
    let named = named(NAME, &image.manifest.digest);
    bind(&lab, &lab.token, &named, &id).await.expect(200);
    let verdict = lab.verdict(&named, "staging").await;
    assert_eq!(verdict["reasons"][0]["reason"], "too-new", "{verdict}");
    lab.stop().await;
}

#[tokio::test]
async fn an_image_is_gated_before_the_push_and_counts_once_it_is_bound() {
    let lab = Lab::start().await;
    let image = sample("new", "amd64");
    let id = image.config.digest.to_string();
    let body = json!({
        "image_id": id, "image": format!("registry.example/{NAME}:7"), "gate": "production",
        "report": before_the_push(&image, &["LOW"]),
    });
    let taken = submit(&lab, &lab.token, body).await.expect(200);
    assert_eq!(
        (&taken["image_id"], &taken["manifest"]),
        (&json!(id), &Value::Null)
    );
    assert_eq!(taken["gate"]["allowed"], true, "{taken}");
    let evidence = taken["gate"]["evidence"].as_array().unwrap();
    assert!(evidence.contains(&taken["id"]), "its own scan: {taken}");
    let other = evidence.iter().filter_map(Value::as_str);
    let other: Vec<&str> = other.filter(|it| it.starts_with("scan:")).collect();
    assert!(other.is_empty(), "another image's: {other:?}");
    lab.upstream.put_image(NAME, &image);
    let named = named(NAME, &image.manifest.digest);
    let digest = image.manifest.digest.to_string();
    let before = lab.verdict(&named, "staging").await;
    assert_eq!(before["reasons"][0]["reason"], "not-scanned", "{before}");
    let bound = bind(&lab, &lab.token, &named, &id).await.expect(200);
    assert_eq!(bound["manifest"], digest);
    let again = bind(&lab, &lab.token, &named, &id).await.expect(200);
    assert_eq!(
        again["scans"], bound["scans"],
        "binding twice is binding once"
    );
    assert_eq!(lab.verdict(&named, "staging").await["allowed"], true);
    lab.promote(
        &lab.token,
        json!({"image": named, "environment": "production"}),
    )
    .await
    .expect(200);
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 200);
    lab.stop().await;
}

#[tokio::test]
async fn the_gate_names_every_finding_that_blocks_and_the_exposure_assumed() {
    let lab = Lab::start().await;
    let image = sample("bad", "amd64");
    let body = json!({
        "image_id": image.config.digest.to_string(), "gate": "production",
        "report": before_the_push(&image, &["LOW", "HIGH", "CRITICAL"]),
    });
    let gate = submit(&lab, &lab.token, body).await.expect(200)["gate"].clone();
    assert_eq!(gate["allowed"], false);
    assert_eq!(gate["exposure"]["value"], "external");
    let blocking: Vec<&str> = gate["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["package"].as_str().unwrap())
        .collect();
    assert_eq!(blocking, ["openssl-CRITICAL", "openssl-HIGH"]);
    let reasons: Vec<&Value> = gate["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["reason"])
        .collect();
    assert_eq!(reasons, [&json!("too-severe")], "judged as if promoted");
    lab.stop().await;
}

/// Bypass 26: a manifest that carries a scanned image's config and other layers.
#[tokio::test]
async fn an_image_id_binds_no_layers_until_its_submitter_names_the_manifest() {
    let lab = Lab::start().await;
    let clean = sample("clean", "amd64");
    let id = clean.config.digest.to_string();
    let report = json!({"image_id": id, "report": before_the_push(&clean, &[])});
    let ci = lab.token(json!({"name": "ci", "role": "scanner"})).await;
    submit(&lab, &ci, report).await.expect(200);
    // The same config over another layer.
    let evil = ImageBuilder::new(Platform::new("linux", "amd64", None))
        .file("bin/evil", b"evil")
        .build();
    let mut manifest: Value = serde_json::from_slice(&evil.manifest.bytes).unwrap();
    manifest["config"] = clean.config.descriptor();
    let forged =
        sekisho::demo::SampleContent::new(evil.manifest.media_type.clone(), manifest.to_string());
    lab.upstream.put_image(NAME, &clean);
    lab.upstream.put_image(NAME, &evil);
    lab.upstream.put_manifest(NAME, &forged);
    let forged = named(NAME, &forged.digest);
    assert_eq!(
        lab.verdict(&forged, "staging").await["reasons"][0]["reason"],
        "not-scanned"
    );
    // Another scanner did not scan it, and cannot say what became of it.
    let other = lab.token(json!({"name": "other", "role": "scanner"})).await;
    let (code, text) = bind(&lab, &other, &forged, &id).await.refusal(422);
    assert_eq!(code, "refused");
    assert!(text.contains("handed in no scan"), "{text}");
    // Whoever scanned it names what was pushed; the other stays without evidence.
    let pushed = named(NAME, &clean.manifest.digest);
    bind(&lab, &ci, &pushed, &id).await.expect(200);
    assert_eq!(lab.verdict(&pushed, "staging").await["allowed"], true);
    assert_eq!(lab.verdict(&forged, "staging").await["allowed"], false);
    lab.stop().await;
}

#[tokio::test]
async fn an_image_id_that_contradicts_is_refused() {
    let lab = Lab::start().await;
    let (one, other) = (sample("one", "amd64"), sample("other", "amd64"));
    let id = one.config.digest.to_string();
    let body = json!({"image_id": id, "report": before_the_push(&other, &[])});
    let (code, text) = submit(&lab, &lab.token, body).await.refusal(422);
    assert_eq!(code, "refused");
    assert!(text.contains("image ID"), "{text}");
    let body = json!({"image_id": id, "report": before_the_push(&one, &[])});
    submit(&lab, &lab.token, body).await.expect(200);
    lab.upstream.put_image(NAME, &other);
    let pushed = named(NAME, &other.manifest.digest);
    let (_, text) = bind(&lab, &lab.token, &pushed, &id).await.refusal(422);
    assert!(text.contains("is not the image of ID"), "{text}");
    let by_tag = format!("registry.example/{NAME}:1");
    bind(&lab, &lab.token, &by_tag, &id).await.refusal(400);
    lab.stop().await;
}

#[tokio::test]
async fn a_report_for_no_image_is_refused() {
    let lab = Lab::start().await;
    let image = sample("x", "amd64");
    let body = json!({"report": before_the_push(&image, &[])});
    submit(&lab, &lab.token, body).await.refusal(400);
    lab.stop().await;
}

/// Bypass 24, through the door for what is not pushed yet.
#[tokio::test]
async fn a_report_on_another_manifest_is_taken_for_no_image_id() {
    let lab = Lab::start().await;
    let (image, _) = lab.put(NAME, "1");
    let other = sample("other", "amd64");
    let id = image.config.digest.to_string();
    let mut report = before_the_push(&other, &[]);
    report["Metadata"]["ImageID"] = json!("");
    report["Metadata"]["DiffIDs"] = json!([]);
    report["Metadata"]["RepoDigests"] = json!([named(NAME, &other.manifest.digest)]);
    let body = json!({"image_id": id, "report": report});
    let refused = submit(&lab, &lab.token, body).await.refusal(422);
    let (told, about) = (refused.1, other.manifest.digest.to_string());
    assert!(told.contains(&about), "{told}");
    lab.stop().await;
}

/// A node that asks too early is believed for half a minute; nobody who pushed it is told so.
#[tokio::test]
async fn what_was_pushed_is_found_at_once_by_those_who_hand_in_and_promote() {
    let lab = Lab::start().await;
    let image = sample("new", "amd64");
    let digest = image.manifest.digest.to_string();
    let named = named(NAME, &image.manifest.digest);
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 404);
    lab.upstream.put_image(NAME, &image);
    let report = trivy(&image, &["LOW"]);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 200);
    lab.stop().await;
}

#[tokio::test]
async fn an_index_is_whole_as_soon_as_its_children_are_pushed() {
    let lab = Lab::start().await;
    let index = SampleIndex::new(vec![sample("new", "amd64"), sample("new", "arm64")]);
    let named = named(NAME, &index.manifest.digest);
    lab.upstream.put_manifest(NAME, &index.manifest);
    let early = lab.verdict(&named, "staging").await;
    assert_eq!(early["allowed"], false, "{early}");
    lab.upstream.put_index(NAME, &index);
    for image in &index.images {
        let report = trivy(image, &["LOW"]);
        lab.submit(&lab.token, &named, &report).await.expect(200);
    }
    let verdict = lab.verdict(&named, "staging").await;
    assert_eq!(verdict["allowed"], true, "{verdict}");
    lab.stop().await;
}
