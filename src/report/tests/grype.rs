use crate::oci::{Digest, Platform};
use crate::report::{Finding, Format, Incomplete, ReportError, ScanReport, Severity, read};

const FINDINGS: &str = include_str!("../../../tests/fixtures/reports/grype-findings.json");
const V5: &str = include_str!("../../../tests/fixtures/reports/grype-v5.json");

fn report(text: &str) -> ScanReport {
    read(text.as_bytes(), Some(Format::Grype)).unwrap()
}

/// Reads `text` with `from`, which must be in it, replaced.
fn with(text: &str, from: &str, to: &str) -> Result<ScanReport, ReportError> {
    assert!(text.contains(from), "{from} is not in the fixture");
    read(text.replace(from, to).as_bytes(), Some(Format::Grype))
}

#[test]
fn reads_subject_tool_and_times() {
    let report = report(FINDINGS);
    assert_eq!(report.tool.version.as_deref(), Some("0.95.0"));
    assert_eq!(report.scanned_at, "2026-03-02T01:20:00.5Z".parse().ok());
    assert_eq!(report.database_at, "2026-03-01T04:30:11Z".parse().ok());
    let subject = report.subject;
    for digest in [Digest::sha256(b"manifest"), Digest::sha256(b"index")] {
        assert!(subject.manifests.contains(&digest));
    }
    assert_eq!(subject.manifests.len(), 2);
    assert_eq!(subject.image_id, Some(Digest::sha256(b"config")));
    assert_eq!(subject.platform, Platform::parse("linux/arm64").ok());
}

#[test]
fn reads_findings_with_their_aliases_once_each() {
    let report = report(FINDINGS);
    let ids: Vec<_> = report.findings.iter().map(|f| &*f.id).collect();
    assert_eq!(
        ids,
        [
            "CVE-2026-0012",
            "CVE-2026-0013",
            "CVE-2026-0014",
            "CVE-2026-0015",
            "GHSA-aaaa-bbbb-cccc"
        ]
    );
    assert_eq!(
        report.findings[4],
        Finding {
            id: "GHSA-aaaa-bbbb-cccc".to_owned(),
            aliases: vec!["CVE-2026-0011".to_owned()],
            mentioned: Vec::new(),
            package: "requests".to_owned(),
            purl: Some("pkg:pypi/requests@2.30.0".to_owned()),
            installed: "2.30.0".to_owned(),
            fixed: Some("2.31.0, 2.32.0".to_owned()),
            severity: Some(Severity::High),
            severity_source: Some("github:language:python".to_owned()),
            status: Some("fixed".to_owned()),
            source: None,
        }
    );
}

#[test]
fn negligible_is_a_rating_and_unknown_is_none() {
    let report = report(FINDINGS);
    let ratings: Vec<_> = report.findings[..2].iter().map(|f| f.severity).collect();
    assert_eq!(ratings, [Some(Severity::Negligible), None]);
}

/// What is left out, and what stands in its place.
#[test]
fn a_finding_without_a_word_is_rated_by_its_own_cvss_and_else_counts_as_the_gravest() {
    let cvss =
        r#""severity": "", "cvss": [{"version": "2.0", "vector": "AV:N/AC:L/Au:N/C:N/I:N/A:C"}]"#;
    let scored = cvss
        .replace("AV:N", "")
        .replace("\"vector", "\"metrics\": {\"baseScore\": 5}, \"x");
    for (to, severity) in [
        ("", Severity::Critical),
        ("\"severity\": \"\",", Severity::Critical),
        (cvss, Severity::High),
        (&*scored, Severity::Medium),
    ] {
        let mut text = FINDINGS.replacen("\"cvss\": [],", "", 1);
        text = text.replacen("\"severity\": \"High\",", to, 1);
        text = text.replace("}]\n        \"urls", "}],\n        \"urls");
        let found = read(text.as_bytes(), None).unwrap().findings;
        let lost = found.iter().find(|it| it.package == "requests").unwrap();
        assert_eq!(lost.severity, Some(severity), "{to}");
    }
}

#[test]
fn what_nobody_rated_here_is_rated_by_what_is_said_elsewhere() {
    let text = FINDINGS.replacen("\"severity\": \"High\"", "\"severity\": \"Unknown\"", 1);
    let found = read(text.as_bytes(), None).unwrap().findings;
    let unknown = found.iter().find(|it| it.package == "requests").unwrap();
    assert_eq!(unknown.severity, Some(Severity::Medium));
}

#[test]
fn an_unknown_severity_word_is_an_error() {
    for word in ["HIGH", "Info", "Moderate"] {
        let error = with(FINDINGS, "\"High\"", &format!("\"{word}\"")).unwrap_err();
        assert!(matches!(error, ReportError::Severity(_)), "{error}");
    }
}

#[test]
fn ignored_matches_count_and_are_marked() {
    let report = report(FINDINGS);
    let ignored = &report.findings[3];
    assert_eq!(ignored.severity, Some(Severity::Critical));
    assert_eq!(ignored.status.as_deref(), Some("suppressed (not-fixed)"));
}

#[test]
fn grypes_own_rules_and_fail_on_leave_a_report_complete() {
    assert_eq!(report(FINDINGS).incomplete, []);
}

#[test]
fn visible_filters_make_a_report_incomplete() {
    for (from, to) in [
        ("\"only-fixed\": false", "\"only-fixed\": true"),
        ("\"only-notfixed\": false", "\"only-notfixed\": true"),
        (
            "\"ignore-wontfix\": \"\"",
            "\"ignore-wontfix\": \"wont-fix\"",
        ),
        ("\"exclude\": []", "\"exclude\": [\"/usr/**\"]"),
        ("\"name\": \"kernel-headers\"", "\"name\": \"openssl\""),
        ("\"upstream-name\": \"kernel\"", "\"upstream-name\": \"\""),
    ] {
        let report = with(FINDINGS, from, to).unwrap();
        assert!(
            matches!(report.incomplete[..], [Incomplete::Filtered(_)]),
            "{to}: {:?}",
            report.incomplete
        );
    }
}

#[test]
fn an_invalid_database_makes_a_report_incomplete() {
    let v6 = with(FINDINGS, "\"valid\": true", "\"valid\": false").unwrap();
    assert_eq!(v6.incomplete, [Incomplete::DatabaseInvalid]);
    for error in ["\"checksum mismatch\"", "{}"] {
        let v5 = with(V5, "\"error\": null", &format!("\"error\": {error}")).unwrap();
        assert_eq!(v5.incomplete, [Incomplete::DatabaseInvalid]);
    }
}

#[test]
fn reads_the_shape_of_schema_5() {
    let report = report(V5);
    assert_eq!(report.database_at, "2026-03-01T01:00:00Z".parse().ok());
    assert_eq!(report.incomplete, []);
    assert_eq!(report.findings, []);
    assert_eq!(report.subject.manifests, [Digest::sha256(b"manifest")]);
}

#[test]
fn no_distribution_and_no_match_is_incomplete() {
    let report = with(V5, "\"name\": \"alpine\"", "\"name\": \"\"").unwrap();
    assert_eq!(report.incomplete, [Incomplete::NothingRecognised]);
}

#[test]
fn refuses_what_is_no_scan_of_an_image() {
    for kind in ["directory", "file", "sbom"] {
        let error = with(V5, "\"type\": \"image\"", &format!("\"type\": \"{kind}\""));
        assert!(matches!(error, Err(ReportError::NotAnImage(_))), "{kind}");
    }
    for source in [
        "null",
        r#"{"type":"image","target":"."}"#,
        r#"{"type":"image"}"#,
    ] {
        let text = format!(r#"{{"matches":[],"source":{source},"descriptor":{{"name":"grype"}}}}"#);
        let error = read(text.as_bytes(), None);
        assert!(matches!(error, Err(ReportError::NotAnImage(_))), "{source}");
    }
}

#[test]
fn refuses_another_tool_in_the_same_shape() {
    assert!(with(V5, "\"name\": \"grype\"", "\"name\": \"other\"").is_err());
}

#[test]
fn refuses_broken_digests_and_times() {
    let manifest = Digest::sha256(b"manifest").to_string();
    assert!(with(V5, &manifest, "sha256:00").is_err());
    assert!(with(V5, "2026-03-02T01:20:00Z", "02.03.2026").is_err());
}

#[test]
fn every_package_of_a_large_image_may_be_past_its_end_of_life() {
    let fault = include_str!("../../../tests/fixtures/reports/faults/grype-distro-eol.json");
    let mut document: serde_json::Value = serde_json::from_str(fault).unwrap();
    let warned = document["alertsByPackage"][0].clone();
    document["alertsByPackage"] = serde_json::Value::Array(vec![warned; 5000]);
    assert!(report(&document.to_string()).end_of_life);
}
