//! Each format is told by keys that only it writes; a document with the keys of
//! two could be read in two ways.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::report::{Format, ReportError, detect, read};

const TRIVY: &str = include_str!("../../../tests/fixtures/reports/trivy-findings.json");
const GRYPE: &str = include_str!("../../../tests/fixtures/reports/grype-findings.json");
const AQUA: &str = include_str!("../../../tests/fixtures/reports/aqua-scannercli.json");
const AQUA_PAGE: &str = include_str!("../../../tests/fixtures/reports/aqua-page.json");
const AQUA_IMAGE: &str = include_str!("../../../tests/fixtures/reports/aqua-image.json");
const GITLAB: &str = include_str!("../../../tests/fixtures/reports/gitlab-findings.json");
const HARBOR: &str = include_str!("../../../tests/fixtures/reports/harbor-findings.json");
const HARBOR_BARE: &str = include_str!("../../../tests/fixtures/reports/harbor-clean.json");
const SARIF: &str =
    r#"{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0","runs":[]}"#;
const CYCLONEDX: &str =
    r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"vulnerabilities":[]}"#;

fn statement(predicate: &str) -> String {
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"{predicate}","predicate":{{}}}}"#
    )
}

fn envelope(statement: &str) -> String {
    let payload = STANDARD.encode(statement);
    format!(
        r#"{{"payloadType":"application/vnd.in-toto+json","payload":"{payload}","signatures":[]}}"#
    )
}

fn refusal(document: &str) -> String {
    let error = detect(document.as_bytes()).unwrap_err();
    assert!(matches!(error, ReportError::Unrecognised { .. }), "{error}");
    error.to_string()
}

#[test]
fn recognises_each_format() {
    for (document, format) in [
        (TRIVY, Format::Trivy),
        (GRYPE, Format::Grype),
        (AQUA, Format::Aqua),
        (AQUA_PAGE, Format::Aqua),
        (AQUA_IMAGE, Format::Aqua),
        (r#" [{"image_name":"app","results":{}}]"#, Format::Aqua),
        (GITLAB, Format::Gitlab),
        (HARBOR, Format::Harbor),
        (HARBOR_BARE, Format::Harbor),
        (SARIF, Format::Sarif),
        (CYCLONEDX, Format::Cyclonedx),
    ] {
        assert_eq!(detect(document.as_bytes()), Ok(format), "{document}");
    }
    for (document, format) in [
        (TRIVY, Format::Trivy),
        (GRYPE, Format::Grype),
        (AQUA, Format::Aqua),
        (GITLAB, Format::Gitlab),
        (HARBOR, Format::Harbor),
    ] {
        assert_eq!(read(document.as_bytes(), None).unwrap().format, format);
    }
}

#[test]
fn a_statement_is_recognised_by_its_predicate_with_and_without_envelope() {
    for (predicate, format) in [
        (
            "https://cosign.sigstore.dev/attestation/vuln/v1",
            Format::CosignVuln,
        ),
        (
            "cosign.sigstore.dev/attestation/vuln/v1",
            Format::CosignVuln,
        ),
        (
            "https://in-toto.io/attestation/vulns/v0.2",
            Format::InTotoVulns,
        ),
    ] {
        let statement = statement(predicate);
        assert_eq!(detect(statement.as_bytes()), Ok(format));
        assert_eq!(detect(envelope(&statement).as_bytes()), Ok(format));
    }
}

#[test]
fn refuses_attestations_of_something_else() {
    for predicate in [
        "https://slsa.dev/provenance/v1",
        "https://example.com/https://in-toto.io/attestation/vulns/v0.2",
        "",
    ] {
        let statement = statement(predicate);
        let text = refusal(&statement);
        assert!(text.contains("something else"), "{text}");
        refusal(&envelope(&statement));
    }
}

#[test]
fn refuses_an_envelope_that_holds_no_strict_statement() {
    let twice = statement("cosign.sigstore.dev/attestation/vuln/v1").replacen(
        '{',
        r#"{"predicateType":"https://in-toto.io/attestation/vulns/v0.2","#,
        1,
    );
    let other_type = envelope("{}").replace("vnd.in-toto+json", "octet-stream");
    let no_base64 = r#"{"payloadType":"application/vnd.in-toto+json","payload":"?"}"#;
    for bad in [envelope(&twice), other_type, no_base64.to_owned()] {
        assert!(detect(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn refuses_a_document_with_the_keys_of_two_formats() {
    let marks = [
        r#""SchemaVersion":2,"ArtifactType":"container_image""#,
        r#""matches":[],"descriptor":{},"source":{}"#,
        r#""image":"app","os":"alpine","resources":[]"#,
        r#""scan":{},"version":"15.0.7","vulnerabilities":[]"#,
        r#""generated_at":"","scanner":{},"vulnerabilities":[]"#,
        r#""runs":[],"version":"2.1.0""#,
        r#""bomFormat":"CycloneDX""#,
        r#""_type":"","predicateType":"cosign.sigstore.dev/attestation/vuln/v1""#,
        r#""payloadType":"application/vnd.in-toto+json","payload":"""#,
    ];
    let keys = |mark: &str| -> serde_json::Map<String, serde_json::Value> {
        serde_json::from_str(&format!("{{{mark}}}")).unwrap()
    };
    for (index, first) in marks.iter().enumerate() {
        for second in &marks[index + 1..] {
            let mut both = keys(first);
            both.extend(keys(second));
            let text = refusal(&serde_json::to_string(&both).unwrap());
            assert!(text.contains("keys of two"), "{first} {second}: {text}");
        }
    }
}

#[test]
fn a_key_counts_whatever_its_value_is() {
    let both = r#"{"bomFormat":null,"runs":null,"version":null}"#;
    assert!(refusal(both).contains("keys of two"));
}

#[test]
fn says_what_was_expected() {
    for unknown in ["{}", "[]", "7", "null", "\"trivy\"", "[7]", "[[]]"] {
        let text = refusal(unknown);
        for name in [
            "Trivy",
            "Grype",
            "Aqua",
            "GitLab",
            "Harbor",
            "cosign-vuln",
            "in-toto-vulns",
            "SARIF",
            "CycloneDX",
        ] {
            assert!(text.contains(name), "{text}");
        }
    }
}

#[test]
fn says_what_a_document_looks_like_instead() {
    for (document, hint) in [
        ("[]", "empty"),
        (
            r#"[{"Target":"alpine","Vulnerabilities":null}]"#,
            "first schema",
        ),
        (r#"[{"image_name":"a","results":{}},{}]"#, "not of images"),
        (
            r#"{"version":"14.0.6","vulnerabilities":[]}"#,
            "without its scan",
        ),
        (r#"{"@context":"https://openvex.dev/ns/v0.2.0"}"#, "VEX"),
        (r#"{"spdxVersion":"SPDX-2.3"}"#, "SPDX"),
    ] {
        let text = refusal(document);
        assert!(text.contains(hint), "{text}");
    }
}

#[test]
fn refuses_a_claimed_format_that_is_another() {
    assert_eq!(
        read(TRIVY.as_bytes(), Some(Format::Grype)),
        Err(ReportError::OtherFormat {
            claimed: Format::Grype,
            found: Format::Trivy
        })
    );
    assert!(read(TRIVY.as_bytes(), Some(Format::Trivy)).is_ok());
}

#[test]
fn refuses_reports_with_duplicate_keys_or_a_tail() {
    for text in [
        TRIVY.replacen('{', r#"{"Results": [],"#, 1),
        AQUA.replacen('{', r#"{"resources": [],"#, 1),
        format!("{TRIVY}{{}}"),
    ] {
        let error = read(text.as_bytes(), None);
        assert!(matches!(error, Err(ReportError::Json(_))), "{error:?}");
    }
}
