//! When a scan was made, of reports that do not say it.

use jiff::{SignedDuration, Timestamp};
use sekisho::demo::SampleImage;
use serde_json::{Value, json};

use crate::kit::lab::{Lab, NAME, minutes_ago, trivy, trivy_at};

/// What the fixtures name their image by.
const OF_FIXTURES: &str = "sha256:05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f";
const DAY_MINUTES: i64 = 24 * 60;

/// A clean report that tells no time.
fn timeless(image: &SampleImage) -> Value {
    let mut report = trivy(image, &[]);
    report.as_object_mut().unwrap().remove("CreatedAt");
    report
}

/// As scanners write them whose format has no time.
fn of_formats_without_a_time(image: &SampleImage) -> [(&'static str, Value); 4] {
    let named = image.manifest.digest.to_string();
    [
        ("snyk", include_str!("../../fixtures/reports/snyk.json")),
        ("clair", include_str!("../../fixtures/reports/clair.json")),
        ("quay", include_str!("../../fixtures/reports/quay.json")),
        (
            "anchore",
            include_str!("../../fixtures/reports/anchore.json"),
        ),
    ]
    .map(|(format, text)| {
        let text = text.replace(OF_FIXTURES, &named);
        (format, serde_json::from_str(&text).unwrap())
    })
}

fn body(about: &Value, report: &Value, scanned_at: Option<Timestamp>) -> Value {
    let mut body = about.clone();
    body["report"] = report.clone();
    if let Some(at) = scanned_at {
        body["scanned_at"] = json!(at);
    }
    body
}

async fn taken(lab: &Lab, body: &Value) -> Value {
    let ask = lab.api("POST", "/api/v1/scans").json(body);
    ask.send().await.expect(200)
}

#[tokio::test]
async fn a_stale_report_without_a_time_is_renewed_by_a_declared_one() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let (about, report) = (json!({"image": named}), timeless(&image));
    let old = minutes_ago(40 * DAY_MINUTES);
    let first = taken(&lab, &body(&about, &report, Some(old))).await;
    assert_eq!(first["scanned_at"], json!(old));
    assert_eq!(first["scanned_at_source"], "submitter");
    let stale = lab.verdict(&named, "staging").await;
    assert_eq!(stale["reasons"][0]["reason"], "scan-stale", "{stale}");
    let next = stale["reasons"][0]["next_step"].as_str().unwrap();
    assert!(next.contains("--scanned-at TIME"), "{next}");
    // Without a word of a new scan it is the old one.
    let again = taken(&lab, &body(&about, &report, None)).await;
    assert_eq!(again["id"], first["id"]);
    assert_eq!(again["scanned_at"], json!(old));
    assert_eq!(again["scanned_at_source"], "submitter");
    assert_eq!(lab.verdict(&named, "staging").await["allowed"], false);
    let renewing = body(&about, &report, Some(minutes_ago(5)));
    let renewed = taken(&lab, &renewing).await;
    assert_ne!(renewed["id"], first["id"]);
    let verdict = lab.verdict(&named, "staging").await;
    assert_eq!(verdict["allowed"], true, "{verdict}");
    assert!(
        verdict.to_string().contains("as its submitter says"),
        "{verdict}"
    );
    assert_eq!(taken(&lab, &renewing).await, renewed);
    lab.stop().await;
}

#[tokio::test]
async fn every_format_without_a_time_takes_a_declared_one_before_and_after_the_push() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let about = json!({"image": named});
    for (format, report) in of_formats_without_a_time(&image) {
        let first = taken(&lab, &body(&about, &report, None)).await;
        assert_eq!(first["format"], format);
        assert_eq!(first["scanned_at_source"], "receipt", "{format}");
        let again = taken(&lab, &body(&about, &report, None)).await;
        assert_eq!(again, first, "{format}");
        let at = Timestamp::now();
        let declared = taken(&lab, &body(&about, &report, Some(at))).await;
        assert_ne!(declared["id"], first["id"], "{format}");
        assert_eq!(declared["scanned_at_source"], "submitter", "{format}");
        assert_eq!(declared["scanned_at"], json!(at), "{format}");
    }
    let about = json!({"image_id": image.config.digest.to_string()});
    let report = timeless(&image);
    let first = taken(&lab, &body(&about, &report, None)).await;
    let at = minutes_ago(1);
    let declared = taken(&lab, &body(&about, &report, Some(at))).await;
    assert_ne!(declared["id"], first["id"]);
    assert_eq!(declared["scanned_at"], json!(at));
    lab.stop().await;
}

#[tokio::test]
async fn a_declared_time_makes_no_report_newer_that_has_its_own() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let about = json!({"image": named});
    let own = minutes_ago(40 * DAY_MINUTES);
    let report = trivy_at(&image, own, &[]);
    let submit = async |at| {
        let body = body(&about, &report, Some(at));
        lab.api("POST", "/api/v1/scans").json(&body).send().await
    };
    let (code, text) = submit(Timestamp::now()).await.refusal(422);
    assert_eq!(code, "refused");
    assert!(text.contains(&own.to_string()), "{text}");
    let same = submit(own).await.expect(200);
    assert_eq!(same["scanned_at_source"], "report");
    assert_eq!(lab.verdict(&named, "staging").await["allowed"], false);
    lab.stop().await;
}

#[tokio::test]
async fn a_declared_time_lies_neither_ahead_nor_a_year_back() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let (about, report) = (json!({"image": named}), timeless(&image));
    let hour = SignedDuration::from_hours(1);
    for wrong in [Timestamp::now() + hour, minutes_ago(367 * DAY_MINUTES)] {
        let body = body(&about, &report, Some(wrong));
        let answer = lab.api("POST", "/api/v1/scans").json(&body).send().await;
        let (code, text) = answer.refusal(422);
        assert_eq!(code, "refused");
        assert!(text.contains("declared"), "{text}");
    }
    for vague in ["2026-06-01", "2026-06-01T12:00:00", "yesterday", ""] {
        let body = json!({"image": named, "report": report, "scanned_at": vague});
        let answer = lab.api("POST", "/api/v1/scans").json(&body).send().await;
        answer.refusal(400);
    }
    assert_eq!(lab.verdict(&named, "staging").await["allowed"], false);
    // A clock that is a little ahead is no lie; and a retry is the same scan.
    let ahead = Timestamp::now() + SignedDuration::from_mins(2);
    let first = taken(&lab, &body(&about, &report, Some(ahead))).await;
    assert_eq!(
        taken(&lab, &body(&about, &report, Some(ahead))).await,
        first
    );
    assert_eq!(lab.verdict(&named, "staging").await["allowed"], true);
    lab.stop().await;
}

/// For a manifest, and for an image before its push.
#[tokio::test]
async fn an_older_report_than_the_one_that_stands_is_said_not_to_count() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let config = image.config.digest.to_string();
    for about in [json!({"image": named}), json!({"image_id": config})] {
        let old = trivy_at(&image, minutes_ago(60), &["HIGH"]);
        let first = taken(&lab, &body(&about, &old, None)).await;
        assert_eq!(first["replaced_by"], Value::Null, "{first}");
        let new = trivy_at(&image, minutes_ago(5), &[]);
        let newer = taken(&lab, &body(&about, &new, None)).await;
        assert_eq!(newer["replaced_by"], Value::Null, "{newer}");
        let between = trivy_at(&image, minutes_ago(30), &["LOW"]);
        for late in [old, between] {
            let late = taken(&lab, &body(&about, &late, None)).await;
            assert_eq!(late["replaced_by"]["id"], newer["id"], "{late}");
            assert_eq!(late["replaced_by"]["scanned_at"], newer["scanned_at"]);
        }
    }
    lab.stop().await;
}
