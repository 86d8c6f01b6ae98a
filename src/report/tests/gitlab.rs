use crate::oci::Digest;
use crate::report::{
    Finding, Format, Incomplete, ReportError, ReportSubject, ScanReport, Severity, read,
};

const FINDINGS: &str = include_str!("../../../tests/fixtures/reports/gitlab-findings.json");
const CLEAN: &str = include_str!("../../../tests/fixtures/reports/gitlab-clean.json");

fn report(text: &str) -> ScanReport {
    read(text.as_bytes(), Some(Format::Gitlab)).unwrap()
}

/// Reads `text` with `from`, which must be in it, replaced.
fn with(text: &str, from: &str, to: &str) -> Result<ScanReport, ReportError> {
    assert!(text.contains(from), "{from} is not in the fixture");
    read(text.replace(from, to).as_bytes(), Some(Format::Gitlab))
}

/// The fixture, about `image`.
fn about(image: &str) -> Result<ScanReport, ReportError> {
    let own = format!("registry.example/team/app@{}", Digest::sha256(b"manifest"));
    with(FINDINGS, &own, image)
}

#[test]
fn reads_subject_and_times_as_utc() {
    let report = report(FINDINGS);
    assert_eq!(report.scanned_at, "2026-03-02T01:16:30Z".parse().ok());
    assert_eq!(report.database_at, None);
    assert_eq!(report.subject.manifests, [Digest::sha256(b"manifest")]);
    assert_eq!(report.incomplete, []);
}

#[test]
fn the_start_counts_where_no_end_is_written() {
    let started = with(FINDINGS, "\"end_time\"", "\"ended\"").unwrap();
    assert_eq!(started.scanned_at, "2026-03-02T01:15:00Z".parse().ok());
    let zoned = with(FINDINGS, "01:16:30\"", "01:16:30+09:00\"").unwrap();
    assert_eq!(zoned.scanned_at, "2026-03-01T16:16:30Z".parse().ok());
    assert!(with(FINDINGS, "2026-03-02T01:16:30", "02.03.2026").is_err());
}

#[test]
fn the_first_cve_is_the_id_and_the_others_are_aliases() {
    let report = report(FINDINGS);
    assert_eq!(
        report.findings[0],
        Finding {
            id: "CVE-2026-0201".to_owned(),
            aliases: vec!["GHSA-aaaa-bbbb-cccc".to_owned()],
            mentioned: Vec::new(),
            package: "openssl".to_owned(),
            purl: None,
            installed: "3.0.1".to_owned(),
            fixed: Some("3.0.2".to_owned()),
            severity: Some(Severity::High),
            severity_source: None,
            status: None,
            source: None,
        }
    );
}

/// An exception for one of them must not accept what is about all.
#[test]
fn of_several_cves_none_is_the_id() {
    let read = |identifiers: &str| {
        let mut value: serde_json::Value = serde_json::from_str(FINDINGS).unwrap();
        value["vulnerabilities"][0]["identifiers"] = serde_json::from_str(identifiers).unwrap();
        let found = report(&value.to_string()).findings;
        let mut found = found.into_iter().filter(|it| {
            let mut ids = std::iter::once(&it.id).chain(&it.aliases);
            ids.any(|id| id == "CVE-2020-9999")
        });
        let found = found.next().unwrap();
        (found.id, found.aliases)
    };
    let one = |kind: &str, name: &str| {
        format!(r#"{{"type": "{kind}", "name": "{name}", "value": "{name}"}}"#)
    };
    let (rhsa, first) = (one("rhsa", "RHSA-2026:1"), one("cve", "CVE-2020-9999"));
    let second = one("cve", "CVE-2026-7777");
    let (id, aliases) = read(&format!("[{rhsa}, {first}, {second}]"));
    assert_eq!(id, "RHSA-2026:1");
    assert_eq!(aliases, ["CVE-2020-9999", "CVE-2026-7777"]);
    let (id, aliases) = read(&format!("[{first}, {rhsa}, {second}]"));
    assert_eq!((&*id, aliases.len()), ("RHSA-2026:1", 2));
    let both = "CVE-2020-9999 CVE-2026-7777";
    let (id, aliases) = read(&format!("[{first}, {second}]"));
    assert_eq!((&*id, aliases.len()), (both, 2));
    let as_ghsa = one("ghsa", "CVE-2026-7777");
    assert_eq!(read(&format!("[{first}, {as_ghsa}]")).0, both);
    let (id, _) = read(&format!("[{rhsa}, {first}]"));
    assert_eq!(id, "CVE-2020-9999");
}

#[test]
fn without_a_cve_the_primary_identifier_is_the_id() {
    let report = report(FINDINGS);
    assert_eq!(report.findings[2].id, "TEMP-0000001");
    assert!(with(FINDINGS, "\"type\": \"temp\"", "\"type\": \"cwe\"").is_err());
}

#[test]
fn info_is_a_rating_and_unknown_is_none() {
    let report = report(FINDINGS);
    assert_eq!(report.findings[1].severity, Some(Severity::Negligible));
    assert_eq!(report.findings[2].severity, None);
    let unknown = with(FINDINGS, "\"Info\"", "\"Unknown\"").unwrap();
    assert_eq!(unknown.findings[1].severity, None);
    let vector =
        r#""Unknown", "cvss_vectors": [{"vendor": "x", "vector": "AV:N/AC:L/Au:N/C:C/I:C/A:C"}]"#;
    let rated = with(FINDINGS, "\"Unknown\"", vector).unwrap();
    assert_eq!(rated.findings[2].severity, Some(Severity::Critical));
}

#[test]
fn refuses_a_finding_whose_severity_was_lost() {
    let lost = with(FINDINGS, "\"severity\": \"High\",", "").unwrap_err();
    assert!(matches!(lost, ReportError::Unrated { .. }), "{lost}");
}

#[test]
fn an_unknown_severity_word_is_an_error() {
    for word in ["HIGH", "Negligible", "None", "Severe"] {
        let error = with(FINDINGS, "\"High\"", &format!("\"{word}\"")).unwrap_err();
        assert!(matches!(error, ReportError::Severity(_)), "{error}");
    }
}

#[test]
fn advice_in_free_text_is_no_fixed_version() {
    for (advice, fixed) in [
        ("Upgrade openssl to 3.0.2", Some("3.0.2")),
        ("Upgrade openssl to 3.0.2, 3.1.1", Some("3.0.2, 3.1.1")),
        ("Upgrade openssl to something newer", None),
        ("Talk to us", None),
        ("No solution provided", None),
    ] {
        let report = with(FINDINGS, "Upgrade openssl from 3.0.1 to 3.0.2", advice).unwrap();
        assert_eq!(report.findings[0].fixed.as_deref(), fixed, "{advice}");
    }
}

#[test]
fn a_report_without_findings_names_no_image() {
    let report = report(CLEAN);
    assert_eq!(report.subject, ReportSubject::default());
    assert_eq!(report.findings, []);
    assert_eq!(report.incomplete, []);
}

#[test]
fn a_tag_names_no_digest() {
    for image in ["registry.example/team/app:1.4", "images/app.tar.gz"] {
        let report = about(image).unwrap();
        assert_eq!(report.subject.manifests, []);
        assert_eq!(report.subject.name.as_deref(), Some(image));
    }
    assert!(about("app@sha256:00").is_err());
}

#[test]
fn an_image_that_the_template_does_not_know_is_none() {
    for unknown in ["Unknown", ""] {
        assert_eq!(about(unknown).unwrap().subject, ReportSubject::default());
    }
    let no_system = with(FINDINGS, "\"debian 12\"", "\"Unknown\"").unwrap();
    assert_eq!(no_system.findings, report(FINDINGS).findings);
}

#[test]
fn refuses_a_report_about_several_images() {
    let other = FINDINGS.replacen("team/app@", "team/other@", 1);
    let error = read(other.as_bytes(), None).unwrap_err();
    assert!(
        matches!(error, ReportError::SeveralImages { .. }),
        "{error}"
    );
}

#[test]
fn a_scan_that_failed_is_incomplete_and_not_clean() {
    for status in ["\"failure\"", "\"\"", "\"cancelled\""] {
        let report = with(CLEAN, "\"success\"", status).unwrap();
        assert!(matches!(report.incomplete[..], [Incomplete::Failed(_)]));
    }
    let fatal = with(FINDINGS, "\"level\": \"info\"", "\"level\": \"fatal\"").unwrap();
    assert_eq!(fatal.incomplete, [Incomplete::Failed("scanned".to_owned())]);
    let warned = with(FINDINGS, "\"level\": \"info\"", "\"level\": \"warn\"").unwrap();
    assert_eq!(warned.incomplete, []);
}

#[test]
fn options_that_leave_findings_out_make_a_report_incomplete() {
    let option = |name: &str, value: &str| {
        let options = format!(
            r#""status": "success", "options": [{{"name":"{name}","value":{value},"source":"env_variable"}}]"#
        );
        let report = with(CLEAN, "\"status\": \"success\"", &options).unwrap();
        report.incomplete
    };
    for (name, value) in [
        ("CS_SEVERITY_THRESHOLD", "\"HIGH\""),
        ("severity-threshold", "\"low\""),
        ("CS_IGNORE_UNFIXED", "true"),
        ("CS_IGNORE_UNFIXED", "\"true\""),
    ] {
        let causes = option(name, value);
        assert!(matches!(causes[..], [Incomplete::Filtered(_)]), "{name}");
    }
    assert_eq!(option("CS_SEVERITY_THRESHOLD", "\"UNKNOWN\""), []);
    assert_eq!(option("CS_IGNORE_UNFIXED", "false"), []);
    assert_eq!(option("CS_QUIET", "true"), []);
}

#[test]
fn refuses_other_schemas_and_other_scans() {
    for version in ["2.0.0", "13.1.0", "16.0.0", "150.1", ""] {
        let error = with(CLEAN, "14.1.2", version).unwrap_err().to_string();
        assert!(error.contains("14 and 15"), "{error}");
    }
    for kind in ["dependency_scanning", "cluster_image_scanning", ""] {
        let error = with(CLEAN, "container_scanning", kind);
        assert!(matches!(error, Err(ReportError::NotAnImage(_))), "{kind}");
    }
}

#[test]
fn names_the_engine_behind_gitlabs_own_name() {
    let tool = report(FINDINGS).tool;
    assert_eq!(tool.name, "gcs (trivy)");
    assert_eq!(tool.version.as_deref(), Some("0.60.0"));
    assert_eq!(report(CLEAN).tool.name, "trivy");
}
