use crate::oci::Digest;
use crate::report::{
    Finding, Format, Incomplete, ReportError, ReportSubject, ScanReport, Severity, read,
};

const FINDINGS: &str = include_str!("../../../tests/fixtures/reports/harbor-findings.json");
const CLEAN: &str = include_str!("../../../tests/fixtures/reports/harbor-clean.json");
const V1_0: &str = "application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0";
const V1_1: &str = "application/vnd.security.vulnerability.report; version=1.1";
const V1_2: &str = "application/vnd.security.vulnerability.report; version=1.2";

fn report(text: &str) -> ScanReport {
    read(text.as_bytes(), Some(Format::Harbor)).unwrap()
}

/// Reads `text` with `from`, which must be in it, replaced.
fn with(text: &str, from: &str, to: &str) -> Result<ScanReport, ReportError> {
    assert!(text.contains(from), "{from} is not in the fixture");
    read(text.replace(from, to).as_bytes(), Some(Format::Harbor))
}

#[test]
fn reads_subject_tool_and_time() {
    let report = report(FINDINGS);
    assert_eq!(report.tool.name, "trivy");
    assert_eq!(report.tool.version.as_deref(), Some("v0.60.0"));
    assert_eq!(report.scanned_at, "2026-03-02T01:20:00.5Z".parse().ok());
    assert_eq!(report.subject.manifests, [Digest::sha256(b"manifest")]);
    assert_eq!(report.subject.name.as_deref(), Some("team/app:1.4"));
    assert_eq!(report.incomplete, []);
}

#[test]
fn reads_findings() {
    let report = report(FINDINGS);
    assert_eq!(
        report.findings[0],
        Finding {
            id: "CVE-2026-0301".to_owned(),
            aliases: Vec::new(),
            mentioned: Vec::new(),
            package: "openssl".to_owned(),
            purl: None,
            installed: "3.0.1".to_owned(),
            fixed: Some("3.0.2".to_owned()),
            severity: Some(Severity::High),
            severity_source: None,
            status: Some("fixed".to_owned()),
            source: None,
        }
    );
    let ratings: Vec<_> = report.findings[1..].iter().map(|f| f.severity).collect();
    assert_eq!(ratings, [None, Some(Severity::Negligible)]);
    assert_eq!(report.findings[1].fixed, None);
}

#[test]
fn an_id_that_stands_in_a_link_alone_is_an_alias_and_only_mentioned() {
    let linked = with(FINDINGS, "\"id\": \"CVE-2026-0301\"", "\"id\": \"DSA-9-1\"").unwrap();
    let found = linked
        .findings
        .iter()
        .find(|it| it.id == "DSA-9-1")
        .unwrap();
    assert_eq!(found.aliases, ["CVE-2026-0301"]);
    assert_eq!(found.mentioned, ["CVE-2026-0301"]);
}

#[test]
fn an_unknown_severity_word_is_an_error() {
    for word in ["HIGH", "None", "Info", "Severe"] {
        let error = with(FINDINGS, "\"Negligible\"", &format!("\"{word}\"")).unwrap_err();
        assert!(matches!(error, ReportError::Severity(_)), "{error}");
    }
    assert!(with(CLEAN, "\"severity\": \"None\"", "\"severity\": \"Fine\"").is_err());
}

#[test]
fn a_clean_report_without_artifact_names_no_image() {
    let report = report(&under(V1_1, CLEAN));
    assert_eq!(report.subject, ReportSubject::default());
    assert_eq!(report.findings, []);
    assert_eq!(report.incomplete, []);
    assert_eq!(report.tool.name, "clair");
}

fn under(key: &str, text: &str) -> String {
    format!(r#"{{"{key}": {text}}}"#)
}

/// Anything may have three such keys.
#[test]
fn a_bare_report_without_artifact_shows_no_end_of_a_scan() {
    let causes = report(CLEAN).incomplete;
    assert!(matches!(causes[..], [Incomplete::Unproven(_)]));
    let manifest = Digest::sha256(b"manifest");
    let artifact = format!(r#""artifact": {{"digest": "{manifest}"}}"#);
    let named = with(CLEAN, "\"artifact\": null", &artifact).unwrap();
    assert_eq!(named.incomplete, []);
}

#[test]
fn a_report_that_does_not_say_that_there_is_nothing_or_when_is_incomplete() {
    let clean = under(V1_1, CLEAN);
    for (from, to) in [
        ("\"severity\": \"None\"", "\"x\": 1"),
        ("\"generated_at\"", "\"x\""),
    ] {
        let report = with(&clean, from, to).unwrap();
        assert!(
            matches!(report.incomplete[..], [Incomplete::Unproven(_)]),
            "{from}"
        );
    }
}

#[test]
fn a_report_rated_graver_than_what_it_lists_is_incomplete() {
    for (text, from) in [
        (FINDINGS, "\"severity\": \"High\",\n    \"vuln"),
        (&under(V1_1, CLEAN), "\"severity\": \"None\",\n  \"vuln"),
    ] {
        let report = with(text, from, "\"severity\": \"Critical\", \"vuln").unwrap();
        assert!(matches!(report.incomplete[0], Incomplete::Filtered(_)));
    }
}

#[test]
fn a_finding_names_the_artifact_where_the_report_does_not() {
    let artifact = FINDINGS.find("\"artifact\"").unwrap();
    let scanner = FINDINGS.find("\"scanner\"").unwrap();
    let mut nameless = FINDINGS.to_owned();
    nameless.replace_range(artifact..scanner, "");
    assert_eq!(
        report(&nameless).subject.manifests,
        [Digest::sha256(b"manifest")]
    );
}

#[test]
fn refuses_a_report_about_several_artifacts() {
    let manifest = Digest::sha256(b"manifest").to_string();
    let other = Digest::sha256(b"other").to_string();
    let conflict = FINDINGS.replacen(&manifest, &other, 1);
    let several = FINDINGS.replace(
        &format!("[\"{manifest}\"]"),
        &format!("[\"{manifest}\", \"{other}\"]"),
    );
    for text in [conflict, several] {
        let error = read(text.as_bytes(), None).unwrap_err();
        assert!(
            matches!(error, ReportError::SeveralImages { .. }),
            "{error}"
        );
    }
}

#[test]
fn reads_a_report_under_each_of_its_types_and_bare() {
    let bare = ScanReport {
        incomplete: Vec::new(),
        ..report(CLEAN)
    };
    for version in [V1_0, V1_1, V1_2] {
        assert_eq!(report(&under(version, CLEAN)), bare);
    }
    let beside = format!(r#"{{"{V1_1}": {CLEAN}, "application/vnd.security.sbom": {{}}}}"#);
    assert_eq!(report(&beside), bare);
}

#[test]
fn refuses_several_reports_in_one_map() {
    for text in [
        format!(r#"{{"{V1_0}": {CLEAN}, "{V1_1}": {CLEAN}}}"#),
        FINDINGS.replacen('{', r#"{"vulnerabilities": [],"#, 1),
    ] {
        let error = read(text.as_bytes(), None).unwrap_err().to_string();
        assert!(error.contains("several"), "{error}");
    }
    assert!(read(format!(r#"{{"{V1_1}": null}}"#).as_bytes(), None).is_err());
}

#[test]
fn refuses_broken_digests_and_times_and_a_nameless_scanner() {
    let manifest = Digest::sha256(b"manifest").to_string();
    assert!(with(FINDINGS, &manifest, "sha256:00").is_err());
    assert!(with(FINDINGS, "2026-03-02T01:20:00.5Z", "today").is_err());
    assert!(with(FINDINGS, "\"Trivy\"", "\"\"").is_err());
}
