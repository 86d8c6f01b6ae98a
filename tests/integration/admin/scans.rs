//! Reports: taken, bound by content, and never more than they say.

use jiff::{SignedDuration, Timestamp};
use sekisho::demo::{SampleImage, SampleIndex};
use serde_json::json;

use crate::kit::lab::{DOOR, Lab, NAME, grype, minutes_ago, sample, trivy, trivy_at};

#[tokio::test]
async fn reports_of_both_tools_are_recognised_and_bound_to_the_manifest() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let taken = lab
        .submit(&lab.token, &named, &trivy(&image, &["LOW"]))
        .await;
    let taken = taken.expect(200);
    assert_eq!(taken["tool"]["name"], "trivy");
    assert_eq!(taken["manifest"], image.manifest.digest.to_string());
    assert_eq!(taken["bound_by"], "manifest digest");
    assert_eq!(taken["findings"]["low"], 1);
    let taken = lab
        .submit(&lab.token, &named, &grype(&image))
        .await
        .expect(200);
    assert_eq!(taken["tool"]["name"], "grype");
    assert_eq!(taken["manifest"], image.manifest.digest.to_string());
    assert_eq!(lab.verdict(&named, "staging").await["allowed"], true);
    lab.stop().await;
}

#[tokio::test]
async fn a_report_on_another_image_is_refused_whatever_it_is_handed_in_for() {
    let lab = Lab::start().await;
    let (_, named) = lab.put(NAME, "1");
    let (other, _) = lab.put(NAME, "2");
    for report in [trivy(&other, &[]), grype(&other)] {
        let (code, text) = lab.submit(&lab.token, &named, &report).await.refusal(422);
        assert_eq!(code, "refused");
        assert!(text.contains("about"), "{text}");
    }
    // Without any digest in it, a report on a tag could be about anything.
    let mut vague = trivy(&other, &[]);
    vague["Metadata"]["RepoDigests"] = json!([]);
    let by_tag = format!("registry.example/{NAME}:2");
    let refused = lab.submit(&lab.token, &by_tag, &vague).await;
    refused.refusal(422);
    let next = refused.text();
    let way = format!("hand the report in for registry.example/{NAME}@sha256:");
    assert!(next.contains(&way), "{next}");
    assert_eq!(lab.verdict(&named, "staging").await["allowed"], false);
    lab.stop().await;
}

#[tokio::test]
async fn a_report_from_the_future_is_refused() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let tomorrow = Timestamp::now() + SignedDuration::from_hours(24);
    let report = trivy_at(&image, tomorrow, &[]);
    let (code, text) = lab.submit(&lab.token, &named, &report).await.refusal(422);
    assert_eq!(code, "refused");
    assert!(text.contains("future"), "{text}");
    let mut report = grype(&image);
    report["descriptor"]["db"]["built"] = json!(tomorrow.to_string());
    lab.submit(&lab.token, &named, &report).await.refusal(422);
    lab.stop().await;
}

#[tokio::test]
async fn an_older_report_replayed_never_replaces_a_newer_one() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let clean = trivy_at(&image, minutes_ago(60), &[]);
    lab.submit(&lab.token, &named, &clean).await.expect(200);
    let bad = trivy_at(&image, minutes_ago(5), &["CRITICAL"]);
    lab.submit(&lab.token, &named, &bad).await.expect(200);
    let before = lab.verdict(&named, "staging").await;
    assert_eq!(before["reasons"][0]["reason"], "too-severe");
    let other_and_old = trivy_at(&image, minutes_ago(30), &["LOW"]);
    for replayed in [&clean, &other_and_old] {
        lab.submit(&lab.token, &named, replayed).await.expect(200);
        let after = lab.verdict(&named, "staging").await;
        assert_eq!(after["allowed"], false, "{after}");
    }
    let pulled = lab.pull(1, NAME, &image.manifest.digest.to_string()).await;
    assert_eq!(pulled.status, 403);
    lab.stop().await;
}

/// Clean reports that name no image, and one in an envelope that names it: each in the
/// name of the same tool.
fn clean_ones_that_say_less(image: &SampleImage) -> [serde_json::Value; 3] {
    let (now, digest) = (Timestamp::now(), &image.manifest.digest);
    let second = now
        .to_string()
        .split('.')
        .next()
        .map(|it| it.trim_end_matches('Z').to_owned());
    let harbor = json!({
        "generated_at": now.to_string(), "severity": "None", "vulnerabilities": [],
        "scanner": {"name": "Trivy", "vendor": "Aqua", "version": "0.60.0"},
    });
    let gitlab = json!({
        "version": "15.0.7", "vulnerabilities": [],
        "scan": {
            "scanner": {"id": "trivy", "name": "Trivy", "version": "0.60.0"}, "status": "success",
            "type": "container_scanning", "start_time": second, "end_time": second,
        },
    });
    let sarif = json!({
        "version": "2.1.0", "runs": [{"tool": {"driver": {"name": "Trivy"}}, "results": []}],
    });
    let attested = json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "cosign.sigstore.dev/attestation/vuln/v1",
        "subject": [{"name": "app", "digest": {"sha256": digest.hex()}}],
        "predicate": {
            "scanner": {"result": sarif}, "metadata": {"scanFinishedOn": now.to_string()},
        },
    });
    let key = "application/vnd.security.vulnerability.report; version=1.1";
    [json!({key: harbor}), gitlab, attested]
}

#[tokio::test]
async fn a_clean_report_that_says_less_takes_the_place_of_none_that_found_something() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let found = trivy(&image, &["CRITICAL"]);
    lab.submit(&lab.token, &named, &found).await.expect(200);
    for clean in clean_ones_that_say_less(&image) {
        let taken = lab.submit(&lab.token, &named, &clean).await.expect(200);
        assert_eq!(taken["tool"]["name"], "trivy", "{taken}");
        let after = lab.verdict(&named, "staging").await;
        assert_eq!(after["reasons"][0]["reason"], "too-severe", "{after}");
    }
    lab.stop().await;
}

#[tokio::test]
async fn a_report_that_cannot_say_end_of_life_does_not_lift_it() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let mut old = trivy(&image, &[]);
    old["Metadata"]["OS"]["EOSL"] = json!(true);
    lab.submit(&lab.token, &named, &old).await.expect(200);
    let mut clean = clean_ones_that_say_less(&image)[0].take();
    let report = clean.as_object_mut().unwrap().values_mut().next().unwrap();
    report["artifact"] = json!({"digest": image.manifest.digest.to_string()});
    lab.submit(&lab.token, &named, &clean).await.expect(200);
    let verdict = lab.verdict(&named, "staging").await;
    assert_eq!(verdict["allowed"], false, "{verdict}");
    lab.stop().await;
}

#[tokio::test]
async fn a_clean_report_that_names_no_image_passes_by_itself_and_an_envelope_helps_none() {
    let lab = Lab::start().await;
    for (tag, allowed) in [("1", true), ("2", true), ("3", false)] {
        let (image, named) = lab.put(NAME, tag);
        let place: usize = tag.parse().unwrap();
        let clean = &clean_ones_that_say_less(&image)[place - 1];
        lab.submit(&lab.token, &named, clean).await.expect(200);
        let verdict = lab.verdict(&named, "staging").await;
        assert_eq!(verdict["allowed"], allowed, "{verdict}");
    }
    lab.stop().await;
}

#[tokio::test]
async fn a_filtered_report_is_kept_and_is_no_pass() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let mut filtered = grype(&image);
    filtered["descriptor"]["configuration"]["only-fixed"] = json!(true);
    let taken = lab.submit(&lab.token, &named, &filtered).await.expect(200);
    assert_eq!(taken["incomplete"].as_array().unwrap().len(), 1, "{taken}");
    let verdict = lab.verdict(&named, "staging").await;
    assert_eq!(verdict["reasons"][0]["reason"], "scan-incomplete");
    let mut partial = trivy(&image, &[]);
    partial["Results"] = json!([]);
    let taken = lab.submit(&lab.token, &named, &partial).await.expect(200);
    assert_eq!(taken["incomplete"].as_array().unwrap().len(), 1, "{taken}");
    assert_eq!(lab.verdict(&named, "staging").await["allowed"], false);
    lab.stop().await;
}

#[tokio::test]
async fn a_submitter_reaches_its_own_repositories_only() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let (door, elsewhere) = lab.put(DOOR, "1");
    let request = json!({"name": "ci", "role": "scanner", "repositories": [format!("registry.example/{NAME}")]});
    let ci = lab.token(request).await;
    let (code, text) = lab
        .submit(&ci, &elsewhere, &trivy(&door, &[]))
        .await
        .refusal(403);
    assert_eq!(code, "forbidden");
    assert!(text.contains("registry.example/team/door"), "{text}");
    lab.submit(&ci, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    // The same bytes in another repository do not inherit it.
    lab.upstream.put_image(DOOR, &image);
    let copy = crate::kit::lab::named(DOOR, &image.manifest.digest);
    assert_eq!(lab.verdict(&named, "staging").await["allowed"], true);
    assert_eq!(lab.verdict(&copy, "staging").await["allowed"], false);
    lab.stop().await;
}

#[tokio::test]
async fn an_index_means_the_child_that_the_report_names() {
    let lab = Lab::start().await;
    let index = SampleIndex::attested(vec![sample("x", "amd64"), sample("x", "arm64")]);
    let named = lab.put_index(NAME, &index);
    lab.upstream.tag(NAME, "multi", &index.manifest.digest);
    let arm = &index.images[1];
    let mut report = trivy(arm, &[]);
    report["Metadata"]["RepoDigests"] = json!([named]);
    let taken = lab.submit(&lab.token, &named, &report).await.expect(200);
    assert_eq!(taken["manifest"], arm.manifest.digest.to_string());
    assert_eq!(taken["platform"], "linux/arm64");
    assert_eq!(taken["bound_by"], "index digest and image");
    // By its platform alone, too; by nothing, not at all.
    let mut report = grype(&index.images[0]);
    report["source"]["target"]["imageID"] = json!("");
    report["source"]["target"]["manifestDigest"] = json!("");
    report["source"]["target"]["repoDigests"] = json!([named]);
    let taken = lab.submit(&lab.token, &named, &report).await.expect(200);
    assert_eq!(taken["platform"], "linux/amd64");
    report["source"]["target"]["architecture"] = json!("");
    report["source"]["target"]["os"] = json!("");
    let (_, text) = lab.submit(&lab.token, &named, &report).await.refusal(422);
    assert!(text.contains("several images"), "{text}");
    lab.stop().await;
}

#[tokio::test]
async fn a_tag_is_resolved_once() {
    let lab = Lab::start().await;
    let (image, _) = lab.put(NAME, "1");
    let by_tag = format!("registry.example/{NAME}:1");
    lab.upstream.forget();
    let taken = lab.submit(&lab.token, &by_tag, &trivy(&image, &[])).await;
    taken.expect(200);
    let asked = lab.upstream.seen();
    let tags = asked.iter().filter(|seen| seen.reference == "1").count();
    assert_eq!(tags, 1, "{asked:?}");
    lab.stop().await;
}

#[tokio::test]
async fn what_is_too_long_or_no_json_is_refused_in_our_words() {
    let lab = Lab::start().await;
    let post = || lab.api("POST", "/api/v1/scans");
    let long = vec![b' '; sekisho::api::MAX_SCAN_BYTES + 1];
    let (code, _) = post()
        .body("application/json", long)
        .send()
        .await
        .refusal(413);
    assert_eq!(code, "too-large");
    for body in [
        "",
        "{",
        "[]",
        "{\"image\":1}",
        "{\"image\":\"a\",\"report\":{},\"x\":1}",
    ] {
        let (code, text) = post()
            .body("application/json", body)
            .send()
            .await
            .refusal(400);
        assert_eq!(code, "bad-request", "{body}");
        assert!(text.contains("openapi.json"), "{body}: {text}");
    }
    let (code, _) = post().body("text/plain", "{}").send().await.refusal(400);
    assert_eq!(code, "bad-request");
    let unreadable = json!({"image": format!("{NAME}:1"), "report": {"a": 1}});
    let (code, _) = post().json(&unreadable).send().await.refusal(422);
    assert_eq!(code, "refused");
    lab.stop().await;
}

#[tokio::test]
async fn a_report_is_dated_by_what_the_scanner_says_of_its_database() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let submit = async |built: Timestamp| {
        let info = json!({"Version": "0.60.0", "VulnerabilityDB": {
            "Version": 2, "UpdatedAt": built.to_string(), "NextUpdate": built.to_string(),
        }});
        let body = json!({"image": named, "report": trivy(&image, &[]), "scanner_info": info});
        lab.api("POST", "/api/v1/scans").json(&body).send().await
    };
    let future = Timestamp::now() + SignedDuration::from_hours(1);
    assert_eq!(submit(future).await.refusal(422).0, "refused");
    let old = submit(minutes_ago(60 * 24 * 8)).await.expect(200);
    assert!(old["database_at"].is_string(), "{old}");
    let verdict = lab.verdict(&named, "staging").await;
    assert_eq!(verdict["reasons"][0]["reason"], "scan-stale", "{verdict}");
    submit(minutes_ago(60)).await.expect(200);
    assert_eq!(lab.verdict(&named, "staging").await["allowed"], true);
    lab.stop().await;
}

#[tokio::test]
async fn the_answer_to_a_report_that_is_handed_in_again_tells_the_date_that_is_kept() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let built = minutes_ago(60).to_string();
    let info = json!({"Version": "0.60.0", "VulnerabilityDB": {
        "Version": 2, "UpdatedAt": built, "NextUpdate": built,
    }});
    let report = trivy(&image, &[]);
    let id = image.config.digest.to_string();
    for about in [json!({"image": named}), json!({"image_id": id})] {
        let mut body = about.clone();
        body["report"] = report.clone();
        let again = body.clone();
        body["scanner_info"] = info.clone();
        let submit = |body: &serde_json::Value| lab.api("POST", "/api/v1/scans").json(body);
        let first = submit(&body).send().await.expect(200);
        assert_eq!(first["database_at"], json!(built), "{about}");
        let second = submit(&again).send().await.expect(200);
        assert_eq!(second["database_at"], json!(built), "{about}");
    }
    lab.stop().await;
}

#[tokio::test]
async fn a_report_that_is_nested_without_end_blocks_nothing() {
    let lab = Lab::start().await;
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    for body in [
        format!("{{\"image\":\"{NAME}:1\",\"report\":{deep}}}"),
        format!("{{\"image\":{deep}}}"),
        format!("{{\"image\":\"{NAME}:1\",\"report\":{{\"SchemaVersion\":2,\"Results\":{deep}}}}}"),
    ] {
        let ask = lab.api("POST", "/api/v1/scans");
        let answer = ask.body("application/json", body).send().await;
        assert!(matches!(answer.status, 400 | 422), "{}", answer.head);
        answer.refusal(answer.status);
    }
    lab.api("GET", "/api/v1/status").send().await.expect(200);
    lab.stop().await;
}

/// Else a clean report could be handed in again for ever, as if it were new.
#[tokio::test]
async fn an_undated_report_is_new_once() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let mut undated = trivy(&image, &[]);
    undated.as_object_mut().unwrap().remove("CreatedAt");
    let first = lab.submit(&lab.token, &named, &undated).await.expect(200);
    let bad = trivy_at(&image, Timestamp::now(), &["CRITICAL"]);
    lab.submit(&lab.token, &named, &bad).await.expect(200);
    let again = lab.submit(&lab.token, &named, &undated).await.expect(200);
    assert_eq!(again["id"], first["id"]);
    assert_eq!(lab.verdict(&named, "staging").await["allowed"], false);
    lab.stop().await;
}
