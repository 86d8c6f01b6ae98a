//! What Clair and Quay say beside words: scores, and ids in links.

use serde_json::Value;

use super::vendors::{CLAIR, QUAY, changed};
use crate::report::{ScanReport, Severity};

/// Clair's updater for Alpine never has a word, and scores stand elsewhere.
#[test]
fn a_score_rates_what_clair_has_no_word_for() {
    let found = |report: &ScanReport| {
        let mut found = report.findings.iter();
        found.find(|it| it.id == "CVE-2099-2001").unwrap().severity
    };
    let clair = |kind: &str, scores: Value| {
        let report = changed(CLAIR, |value| {
            value["vulnerabilities"]["10"]["normalized_severity"] = Value::from("Unknown");
            value["enrichments"][kind] = scores;
        });
        report.map(|it| found(&it))
    };
    let cvss = "message/vnd.clair.map.vulnerability; enricher=clair.cvss schema=x";
    let scores = serde_json::json!([{"9": [{"baseScore": 9.9}],
        "10": [{"baseScore": 5.0}, {"vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]}]);
    assert_eq!(
        clair(cvss, scores.clone()).unwrap(),
        Some(Severity::Critical)
    );
    assert_eq!(clair(cvss, Value::Null).unwrap(), None);
    assert!(
        clair(cvss, Value::from(1)).is_err(),
        "what is lost may rate"
    );
    let epss = "message/vnd.clair.map.vulnerability; enricher=clair.epss schema=none";
    assert_eq!(clair(epss, scores).unwrap(), None);
    let quay = changed(QUAY, |value| {
        let found = &mut value["data"]["Layer"]["Features"][0]["Vulnerabilities"][0];
        found["Severity"] = Value::from("Unknown");
        found["Metadata"] = serde_json::json!({"NVD": {
            "CVSSv3": {"Score": 9.8, "Vectors": ""}, "CVSSv2": {"Score": "", "Vectors": ""}}});
    });
    assert_eq!(found(&quay.unwrap()), Some(Severity::Critical));
}

#[test]
fn a_name_of_several_cves_is_none_of_them() {
    let named = |name: &str| {
        let clair = changed(CLAIR, |value| {
            value["vulnerabilities"]["10"]["name"] = name.into();
        });
        let mut found = clair.unwrap().findings.into_iter();
        let found = found.find(|it| it.aliases.iter().any(|id| id == "CVE-2020-2222"));
        found.unwrap().id
    };
    let both = "CVE-2020-1111 CVE-2020-2222";
    assert_eq!(named("CVE-2020-1111 CVE-2020-2222 libx: two holes"), both);
    assert_eq!(named("CVE-2020-1111: CVE-2020-2222"), both);
    assert_eq!(
        named("RHSA-2099:1: CVE-2020-1111 CVE-2020-2222"),
        "RHSA-2099:1"
    );
}

/// A link may lead to what is like it, and to what it came back from.
#[test]
fn an_id_in_a_link_is_mentioned_alone() {
    let links = "https://lists.example/regression-of-CVE-2020-9999.html";
    let clair = changed(CLAIR, |value| {
        value["vulnerabilities"]["10"]["links"] = links.into();
    });
    let quay = changed(QUAY, |value| {
        value["data"]["Layer"]["Features"][0]["Vulnerabilities"][0]["Link"] = links.into();
    });
    for report in [clair, quay] {
        let report = report.unwrap();
        let mut found = report.findings.iter();
        let found = found.find(|it| it.id == "CVE-2099-2001").unwrap();
        assert_eq!(found.aliases, ["CVE-2020-9999"]);
        assert_eq!(found.mentioned, ["CVE-2020-9999"]);
    }
}
