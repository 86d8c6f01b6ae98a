//! Variations that other vendors' own tools write: long lists, titles behind ids, numbers
//! in quotes.

use serde_json::{Value, json};

use crate::oci::Digest;
use crate::report::{Incomplete, ScanReport, Severity, read};

const PRISMA: &str = include_str!("../../../tests/fixtures/reports/prisma.json");
const ECR: &str = include_str!("../../../tests/fixtures/reports/ecr-basic.json");
const ANCHORE: &str = include_str!("../../../tests/fixtures/reports/anchore.json");

fn read_it(document: &Value) -> ScanReport {
    read(document.to_string().as_bytes(), None).unwrap()
}

fn changed(text: &str, change: impl FnOnce(&mut Value)) -> ScanReport {
    let mut document = serde_json::from_str(text).unwrap();
    change(&mut document);
    read_it(&document)
}

fn clair(name: &str) -> Value {
    let digest = Digest::sha256(b"manifest");
    let ids: Vec<String> = (0..5000).map(|id| id.to_string()).collect();
    let known = ids.iter().map(|id| {
        let found = json!({"name": name, "normalized_severity": "Low"});
        (id.clone(), found)
    });
    let known: serde_json::Map<_, _> = known.collect();
    json!({
        "manifest_hash": digest.to_string(),
        "packages": {"1": {"name": "linux-libc-dev", "version": "6.1"}},
        "distributions": {"1": {}},
        "vulnerabilities": known,
        "package_vulnerabilities": {"1": ids},
    })
}

#[test]
fn a_package_may_have_thousands_of_vulnerabilities() {
    let report = read_it(&clair("CVE-2099-1000"));
    assert_eq!((report.incomplete, report.findings.len()), (vec![], 1));
}

#[test]
fn a_distribution_without_a_package_was_not_looked_at() {
    let mut document = clair("CVE-2099-1000");
    for table in ["packages", "vulnerabilities", "package_vulnerabilities"] {
        document[table] = json!({});
    }
    let report = read_it(&document);
    assert_eq!(report.incomplete, [Incomplete::NothingRecognised]);
}

#[test]
fn an_id_with_a_title_behind_it_is_read_without_it() {
    let long = format!("RHSA-2099:1000: {} (Important)", "security and ".repeat(20));
    for (name, id, aliases) in [
        (&*long, "RHSA-2099:1000", &[][..]),
        (
            "CVE-2099-1000 on Ubuntu 20.04 LTS (focal) - low.",
            "CVE-2099-1000",
            &[],
        ),
        (
            "RHSA-2099:1000: mends CVE-2099-1001",
            "RHSA-2099:1000",
            &["CVE-2099-1001"],
        ),
        (
            "zlib: mends CVE-2099-1001",
            "zlib: mends CVE-2099-1001",
            &["CVE-2099-1001"],
        ),
    ] {
        let found = read_it(&clair(name)).findings.remove(0);
        assert_eq!(found.id, id);
        assert_eq!(found.aliases, aliases);
    }
}

#[test]
fn a_check_may_have_its_number_in_quotes() {
    let check = json!([{"id": "425", "title": "x"}]);
    let report = changed(PRISMA, |it| it["results"][0]["compliances"] = check);
    assert_eq!(report.secrets, 1);
}

#[test]
fn an_advisory_names_the_vulnerabilities_that_it_mends() {
    let cves = json!(["CVE-2099-1000"]);
    let change = |it: &mut Value| {
        let found = &mut it["vulnerabilities"][0];
        found["vuln"] = json!("RHSA-2099:1000");
        found["cves"] = cves;
    };
    let report = changed(ANCHORE, change);
    let found = report.findings.iter().find(|it| it.id == "RHSA-2099:1000");
    assert!(found.unwrap().aliases.contains(&"CVE-2099-1000".to_owned()));
}

#[test]
fn what_amazon_left_unrated_its_scores_rate() {
    let attributes = json!([{"key": "CVSS3_SCORE", "value": "9.8"}]);
    let change = |it: &mut Value| {
        let found = &mut it["imageScanFindings"]["findings"][0];
        found["severity"] = json!("UNDEFINED");
        found["attributes"] = attributes;
        found["name"] = json!("CVE-2099-1000");
    };
    let report = changed(ECR, change);
    let found = report.findings.iter().find(|it| it.id == "CVE-2099-1000");
    assert_eq!(found.unwrap().severity, Some(Severity::Critical));
}
