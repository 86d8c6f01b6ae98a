//! What exceptions accept, as told to those who look after them.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::kit::lab::{ENVIRONMENTS, LISTENERS, Lab, NAME, RAISING, trivy};

/// An exception for some ids in all images, with more said of it.
fn exception(ids: &str, more: &str) -> String {
    let ends = Timestamp::now() + SignedDuration::from_hours(24 * 30);
    let ends = ends.to_zoned(jiff::tz::TimeZone::UTC).date();
    format!(
        "[[exception]]\nvulnerabilities = {ids}\nimages = [\"registry.example/**\"]\n{more}\
         reason = \"not reachable\"\nlink = \"https://git.example/1\"\nowner = \"team\"\n\
         expires = {ends}\n\n"
    )
}

/// Whether each exception is used, in the order of the file.
async fn used(lab: &Lab) -> Vec<Value> {
    let listed = lab.api("GET", "/api/v1/exceptions").send().await;
    let listed = listed.expect(200);
    let exceptions = listed["exceptions"].as_array().unwrap();
    exceptions.iter().map(|it| it["used"].clone()).collect()
}

#[tokio::test]
async fn an_exception_is_used_where_it_accepts_a_finding_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("exceptions")).unwrap();
    let text = [
        exception("[\"CVE-2026-1234\"]", ""),
        exception("[\"CVE-2026-1234\"]", "packages = [\"openssl-HIGH\"]\n"),
        exception("[\"CVE-2026-1234\"]", "packages = [\"zlib1g\"]\n"),
        // One of two CVEs of a finding accepts nothing.
        exception("[\"CVE-2026-7\"]", ""),
        exception("[\"CVE-2026-7\", \"CVE-2026-8\"]", ""),
    ]
    .concat();
    std::fs::write(folder.path().join("exceptions/team.toml"), text).unwrap();
    let listeners = format!("exceptions_dir = \"exceptions\"\n{LISTENERS}");
    let lab = Lab::inside(folder, &listeners, ENVIRONMENTS).await;
    assert_eq!(used(&lab).await, [false; 5].map(Value::from));
    let (image, named) = lab.put(NAME, "1");
    let mut report = trivy(&image, &["HIGH", "LOW"]);
    let second = &mut report["Results"][0]["Vulnerabilities"][1];
    second["VulnerabilityID"] = json!("GHSA-aaaa-bbbb-cccc");
    second["VendorIDs"] = json!(["CVE-2026-7", "CVE-2026-8"]);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    let expected = [true, true, false, false, true].map(Value::from);
    assert_eq!(used(&lab).await, expected);
    // What a newer scan of the same scanner no longer reports is not in force.
    let clean = trivy(&image, &[]);
    lab.submit(&lab.token, &named, &clean).await.expect(200);
    assert_eq!(used(&lab).await, [false; 5].map(Value::from));
    lab.stop().await;
}

#[tokio::test]
async fn an_exception_for_what_an_advisory_raises_accepts_nothing_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("exceptions", exception("[\"CVE-2026-1234\"]", "")),
        ("advisories", RAISING.to_owned()),
    ] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        std::fs::write(folder.path().join(name).join("a.toml"), text).unwrap();
    }
    let folders = "exceptions_dir = \"exceptions\"\nadvisories_dir = \"advisories\"";
    let lab = Lab::inside(folder, &format!("{folders}\n{LISTENERS}"), ENVIRONMENTS).await;
    let (image, named) = lab.put(NAME, "1");
    let report = trivy(&image, &["HIGH"]);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    let verdict = lab.verdict(&named, "staging").await;
    assert_eq!(verdict["reasons"][0]["reason"], "too-severe", "{verdict}");
    let listed = lab
        .api("GET", "/api/v1/exceptions")
        .send()
        .await
        .expect(200);
    let only = &listed["exceptions"][0];
    assert_eq!(only["used"], false, "{listed}");
    assert_eq!(only["overruled_by"], json!(["SEC-1"]), "{listed}");
    lab.stop().await;
}
