use crate::oci::{Digest, Platform};
use crate::report::{
    Finding, Format, Incomplete, MAX_FINDINGS, ReportError, ScanReport, Severity, read,
};

const FINDINGS: &str = include_str!("../../../tests/fixtures/reports/trivy-findings.json");
const CLEAN: &str = include_str!("../../../tests/fixtures/reports/trivy-clean.json");
const SUPPRESSED: &str = include_str!("../../../tests/fixtures/reports/trivy-suppressed.json");

const SECRETS: &str = include_str!("../../../tests/fixtures/reports/trivy-secrets.json");

fn report(text: &str) -> ScanReport {
    read(text.as_bytes(), Some(Format::Trivy)).unwrap()
}

/// Reads `text` with `from`, which must be in it, replaced.
fn with(text: &str, from: &str, to: &str) -> Result<ScanReport, ReportError> {
    assert!(text.contains(from), "{from} is not in the fixture");
    read(text.replace(from, to).as_bytes(), Some(Format::Trivy))
}

fn minimal(metadata: &str, results: &str) -> Result<ScanReport, ReportError> {
    let text = format!(
        r#"{{"SchemaVersion":2,"ArtifactType":"container_image","Metadata":{metadata},"Results":{results}}}"#
    );
    read(text.as_bytes(), None)
}

#[test]
fn reads_subject_tool_and_times() {
    let report = report(FINDINGS);
    assert_eq!(report.tool.version.as_deref(), Some("0.60.0"));
    assert_eq!(
        report.scanned_at,
        "2026-03-02T01:15:00.123456789Z".parse().ok()
    );
    assert_eq!(report.database_at, None);
    let subject = report.subject;
    assert_eq!(subject.manifests, [Digest::sha256(b"manifest")]);
    assert_eq!(subject.image_id, Some(Digest::sha256(b"config")));
    assert_eq!(subject.platform, Platform::parse("linux/arm64/v8").ok());
    let layers = [Digest::sha256(b"layer 1"), Digest::sha256(b"layer 2")];
    assert_eq!(subject.diff_ids, layers);
}

#[test]
fn reads_findings_once_each() {
    let report = report(FINDINGS);
    let ids: Vec<_> = report.findings.iter().map(|f| &*f.id).collect();
    assert_eq!(ids, ["CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003"]);
    assert_eq!(
        report.findings[0],
        Finding {
            id: "CVE-2026-0001".to_owned(),
            aliases: vec!["ASA-2026-1".to_owned()],
            mentioned: Vec::new(),
            package: "libcrypto3".to_owned(),
            purl: Some("pkg:apk/alpine/libcrypto3@3.1.4-r5".to_owned()),
            installed: "3.1.4-r5".to_owned(),
            fixed: Some("3.1.4-r6, 3.1.5-r0".to_owned()),
            severity: Some(Severity::High),
            severity_source: Some("nvd".to_owned()),
            status: Some("fixed".to_owned()),
            source: None,
        }
    );
    assert!(report.incomplete.is_empty() && !report.end_of_life);
}

#[test]
fn unknown_severity_is_unrated_and_no_fix_is_none() {
    let report = report(FINDINGS);
    assert_eq!(report.findings[1].severity, None);
    assert_eq!(report.findings[1].fixed, None);
}

#[test]
fn refuses_a_finding_whose_severity_was_lost() {
    for lost in ["\"severity\": \"LOW\"", "\"Severity\": \"\"", "\"x\": 1"] {
        let error = with(FINDINGS, "\"Severity\": \"LOW\"", lost).unwrap_err();
        assert!(matches!(error, ReportError::Unrated { .. }), "{error}");
    }
}

#[test]
fn what_trivy_calls_unknown_is_rated_by_its_cvss() {
    for (cvss, severity) in [
        (
            r#"{"nvd":{"V3Vector":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}"#,
            Some(Severity::Critical),
        ),
        (
            r#"{"ghsa":{"V40Score":7.1},"nvd":{"V2Score":2}}"#,
            Some(Severity::High),
        ),
        ("{}", None),
        ("null", None),
    ] {
        let word = format!("\"UNKNOWN\", \"CVSS\": {cvss}");
        let report = with(FINDINGS, "\"UNKNOWN\"", &word).unwrap();
        assert_eq!(report.findings[1].severity, severity, "{cvss}");
    }
}

#[test]
fn secrets_misconfigurations_and_licences_are_no_vulnerabilities() {
    let critical = |f: &Finding| f.severity == Some(Severity::Critical);
    assert!(!report(FINDINGS).findings.iter().any(critical));
}

#[test]
fn vulnerabilities_count_under_a_class_we_do_not_know() {
    let odd = with(FINDINGS, "\"lang-pkgs\"", "\"langpkgs\"").unwrap();
    assert_eq!(odd.findings.len(), 3);
}

#[test]
fn an_unknown_severity_word_is_an_error() {
    for word in ["high", "SEVERE", "NEGLIGIBLE"] {
        let error = with(FINDINGS, "\"LOW\"", &format!("\"{word}\"")).unwrap_err();
        assert!(matches!(error, ReportError::Severity(_)), "{error}");
    }
}

#[test]
fn a_clean_report_of_an_old_trivy_is_complete() {
    let report = report(CLEAN);
    assert_eq!(report.findings, []);
    assert_eq!(report.incomplete, []);
    assert_eq!(report.scanned_at, None);
    assert_eq!(report.subject.manifests, []);
}

#[test]
fn suppressed_findings_count_and_are_marked() {
    let report = report(SUPPRESSED);
    let found: Vec<_> = report
        .findings
        .iter()
        .map(|f| (&*f.id, f.severity, f.status.as_deref()))
        .collect();
    let critical = Some(Severity::Critical);
    assert_eq!(
        found,
        [
            ("CVE-2026-0007", critical, Some("suppressed (not_affected)")),
            (
                "CVE-2026-0008",
                Some(Severity::Medium),
                Some("suppressed (ignored)")
            ),
        ]
    );
}

#[test]
fn secrets_are_counted_whatever_their_severity() {
    let read = report(SECRETS);
    assert_eq!((read.secrets, read.findings.len()), (2, 0));
    assert_eq!(read.incomplete, []);
    assert_eq!(report(FINDINGS).secrets, 1);
    assert_eq!(report(CLEAN).secrets, 0);
    assert_eq!(report(SUPPRESSED).secrets, 1);
    assert_eq!(with(SECRETS, "\"HIGH\"", "\"LOW\"").unwrap().secrets, 2);
    assert!(with(SECRETS, "\"RuleID\"", "\"Rule\"").is_err());
}

#[test]
fn a_suppressed_finding_of_unknown_type_is_an_error() {
    let error = with(SUPPRESSED, "\"Type\": \"secret\"", "\"Type\": \"malware\"");
    assert!(error.is_err());
}

#[test]
fn end_of_life_and_a_servers_database_are_noted() {
    let report = report(SUPPRESSED);
    assert!(report.end_of_life);
    assert_eq!(report.database_at, "2026-03-02T00:00:00Z".parse().ok());
}

#[test]
fn nothing_recognised_is_incomplete() {
    let nothing = minimal("{}", "null").unwrap();
    assert_eq!(nothing.incomplete, [Incomplete::NothingRecognised]);
    let secrets = minimal("{}", r#"[{"Target":"/key","Class":"secret"}]"#).unwrap();
    assert_eq!(secrets.incomplete, [Incomplete::NothingRecognised]);
    let binary = minimal("{}", r#"[{"Class":"lang-pkgs","Type":"gobinary"}]"#).unwrap();
    assert_eq!(binary.incomplete, []);
}

/// A static binary that no scanner knows: that there is neither system nor package is
/// an answer, of an image that was opened. Trivy writes no results then.
#[test]
fn an_image_without_system_and_packages_is_complete_once_it_was_opened() {
    let id = Digest::sha256(b"config");
    let opened = format!(r#"{{"ImageID":"{id}"}}"#);
    for results in ["null", "[]"] {
        assert_eq!(minimal(&opened, results).unwrap().incomplete, []);
        let unopened = minimal("{}", results).unwrap();
        assert_eq!(unopened.incomplete, [Incomplete::NothingRecognised]);
    }
    let secrets = minimal(&opened, r#"[{"Target":"/key","Class":"secret"}]"#).unwrap();
    assert_eq!(secrets.incomplete, [Incomplete::NothingRecognised]);
}

/// As of an image whose `/etc/os-release` was deleted: its packages lie there, Trivy
/// looks nothing up for them, and calls the system `none`.
#[test]
fn packages_of_a_system_that_was_not_recognised_were_not_scanned() {
    let id = Digest::sha256(b"config");
    let none = format!(r#"{{"OS":{{"Family":"none"}},"ImageID":"{id}"}}"#);
    let binary = r#"[{"Class":"lang-pkgs","Type":"gobinary"}]"#;
    let packages = r#"[{"Class":"os-pkgs"}]"#;
    for (metadata, results) in [
        (&*none, "null"),
        (&none, "[]"),
        (&none, binary),
        (&none, packages),
        ("{}", packages),
    ] {
        let causes = minimal(metadata, results).unwrap().incomplete;
        assert!(
            matches!(causes[..], [Incomplete::Filtered(_)]),
            "{metadata} {results}"
        );
    }
}

#[test]
fn an_operating_system_whose_packages_were_not_scanned_is_incomplete() {
    let libraries = r#"[{"Target":"Java","Class":"lang-pkgs","Type":"jar"}]"#;
    for results in ["null", libraries] {
        let report = minimal(r#"{"OS":{"Family":"debian","Name":"12"}}"#, results).unwrap();
        assert!(matches!(report.incomplete[..], [Incomplete::Filtered(_)]));
    }
}

#[test]
fn refuses_other_schemas_and_artifacts() {
    for schema in ["1", "3", "\"2\"", "2.0"] {
        let error = with(
            CLEAN,
            "\"SchemaVersion\": 2",
            &format!("\"SchemaVersion\":{schema}"),
        );
        assert!(matches!(error, Err(ReportError::Schema(_))), "{schema}");
    }
    for kind in ["filesystem", "repository", "vm", ""] {
        let error = with(CLEAN, "container_image", kind);
        assert!(matches!(error, Err(ReportError::NotAnImage(_))), "{kind}");
    }
}

#[test]
fn refuses_broken_digests() {
    let id = Digest::sha256(b"config").to_string();
    for bad in [
        "sha256:abc",
        "nginx",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
    ] {
        let error = with(FINDINGS, &id, bad).unwrap_err();
        assert!(matches!(error, ReportError::Digest { .. }), "{error}");
    }
}

#[test]
fn refuses_ids_and_packages_beyond_their_bounds() {
    for (from, to) in [
        ("CVE-2026-0002", "C".repeat(200)),
        ("CVE-2026-0002", String::new()),
        ("busybox", "b".repeat(2000)),
    ] {
        assert!(with(FINDINGS, from, &to).is_err());
    }
}

#[test]
fn an_error_names_list_and_entry() {
    let error = with(FINDINGS, "\"VulnerabilityID\": \"CVE-2026-0002\",", "").unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("Vulnerabilities, entry 1: missing field"),
        "{text}"
    );
}

#[test]
fn more_findings_than_the_bound_are_an_error() {
    let one = r#"{"VulnerabilityID":"C","Severity":"LOW"}"#;
    let many = vec![one; MAX_FINDINGS / 2 + 1].join(",");
    let target = format!(r#"{{"Class":"os-pkgs","Vulnerabilities":[{many}]}}"#);
    assert!(minimal("{}", &format!("[{target}]")).is_ok());
    assert_eq!(
        minimal("{}", &format!("[{target},{target}]")),
        Err(ReportError::TooManyFindings(MAX_FINDINGS))
    );
}
