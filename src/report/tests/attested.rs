//! cosign's and in-toto's attestations.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::oci::{ChainId, Digest, Platform};
use crate::report::{BindTarget, Format, ReportBinding, ReportError, ScanReport, Severity, read};

const TRIVY: &str = include_str!("../../../tests/fixtures/reports/trivy-findings.json");

fn read_it(document: &Value) -> Result<ScanReport, ReportError> {
    read(document.to_string().as_bytes(), None)
}

fn hex(digest: &Digest) -> String {
    digest.to_string().replace("sha256:", "")
}

/// The digest that Trivy's report names.
fn named() -> Digest {
    read(TRIVY.as_bytes(), None).unwrap().subject.manifests[0].clone()
}

fn cosign() -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://cosign.sigstore.dev/attestation/vuln/v1",
        "subject": [{"name": "registry.corp/team/app", "digest": {"sha256": hex(&named())}}],
        "predicate": {
            "invocation": {"parameters": null, "uri": "", "event_id": "", "builder.id": ""},
            "scanner": {
                "uri": "pkg:github/aquasecurity/trivy@0.69.0", "version": "0.69.0",
                "db": {"uri": "", "version": ""},
                "result": serde_json::from_str::<Value>(TRIVY).unwrap(),
            },
            "metadata": {
                "scanStartedOn": "2026-03-02T00:00:00Z", "scanFinishedOn": "2026-03-02T00:00:01Z",
            },
        },
    })
}

fn in_toto() -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": "https://in-toto.io/attestation/vulns/v0.2",
        "subject": [{"digest": {"sha256": hex(&Digest::sha256(b"manifest"))}}],
        "predicate": {
            "scanner": {
                "uri": "https://scanner.example", "version": "1.2",
                "db": {"uri": "x", "version": "1", "lastUpdate": "2026-03-01T00:00:00Z"},
                "result": [
                    {"id": "CVE-2026-0001", "severity": [{"method": "nvd", "score": "medium"}, {"method": "cvss_score", "score": "9.1"}]},
                    {"id": "CVE-2026-0002", "severity": []},
                ],
            },
            "metadata": {"scanStartedOn": "2026-03-02T00:00:00Z", "scanFinishedOn": "2026-03-02T00:00:01Z"},
        },
    })
}

fn envelope(statement: &Value) -> Value {
    json!({
        "payloadType": "application/vnd.in-toto+json",
        "payload": STANDARD.encode(statement.to_string()),
        "signatures": [],
    })
}

#[test]
fn cosign_is_read_as_the_report_in_it_and_can_be_a_pass() {
    let plain = read(TRIVY.as_bytes(), None).unwrap();
    let mut old = cosign();
    old["predicateType"] = json!("cosign.sigstore.dev/attestation/vuln/v1");
    for document in [
        cosign(),
        old,
        envelope(&cosign()),
        cosign()["predicate"].clone(),
    ] {
        let report = read_it(&document).unwrap();
        assert_eq!(report.format, Format::CosignVuln);
        assert!(report.format.can_satisfy());
        assert_eq!(report.findings, plain.findings);
        assert_eq!(report.tool, plain.tool);
        assert_eq!(report.subject.manifests, plain.subject.manifests);
        assert!(report.scanned_at.is_some());
    }
}

#[test]
fn a_statement_on_another_image_than_its_report_is_refused() {
    let mut document = cosign();
    document["subject"][0]["digest"]["sha256"] = json!(hex(&Digest::sha256(b"other")));
    assert!(matches!(
        read_it(&document),
        Err(ReportError::SeveralImages { .. })
    ));
}

/// Bypass 24: a clean report on one image speaks for no other beside it.
#[test]
fn a_statement_on_several_images_is_refused() {
    for mut document in [cosign(), in_toto()] {
        let other = json!({"digest": {"sha256": hex(&Digest::sha256(b"other"))}});
        document["subject"].as_array_mut().unwrap().push(other);
        let refused = read_it(&document);
        assert!(
            matches!(refused, Err(ReportError::SeveralImages { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn in_toto_takes_no_probability_for_a_severity() {
    let mut document = in_toto();
    let ratings = json!([{"method": "epss", "score": "9.7"}, {"method": "nvd", "score": "low"}]);
    document["predicate"]["scanner"]["result"][0]["severity"] = ratings;
    assert_eq!(
        read_it(&document).unwrap().findings[0].severity,
        Some(Severity::Low)
    );
    document["predicate"]["scanner"]["result"][0]["severity"] = json!([{"score": "NaN"}]);
    assert!(read_it(&document).is_err());
}

#[test]
fn a_report_without_digests_is_about_what_the_statement_names() {
    let mut document = cosign();
    document["predicate"]["scanner"]["result"]["Metadata"]["RepoDigests"] = json!([]);
    assert_eq!(read_it(&document).unwrap().subject.manifests, [named()]);
}

/// The envelope lends no binding, as it lends no completeness: what it wraps would
/// displace what names the image by itself.
#[test]
fn a_report_without_digests_is_bound_by_no_more_than_its_submitters_word() {
    let binding = |result: &str| {
        let mut document = cosign();
        let manifest = Digest::sha256(b"manifest");
        document["subject"][0]["digest"]["sha256"] = json!(hex(&manifest));
        let result = result.replace(&named().to_string(), &manifest.to_string());
        document["predicate"]["scanner"]["result"] = serde_json::from_str(&result).unwrap();
        let subject = read_it(&document).unwrap().subject;
        let platform = subject.platform.clone();
        subject.binding(&BindTarget {
            manifest: &manifest,
            index: None,
            config: subject.image_id.as_ref().unwrap_or(&manifest),
            platform: &platform.unwrap_or_else(|| Platform::parse("linux/amd64").unwrap()),
            chain_id: ChainId::of(&subject.diff_ids).as_ref(),
            declared: false,
        })
    };
    let clean = include_str!("../../../tests/fixtures/reports/gitlab-clean.json");
    assert_eq!(binding(clean), Ok(ReportBinding::Declared));
    assert_eq!(binding(TRIVY), Ok(ReportBinding::Manifest));
    let unnamed = TRIVY.replace("RepoDigests", "Forgotten");
    assert_eq!(binding(&unnamed), Ok(ReportBinding::Content));
}

#[test]
fn an_attestation_within_an_attestation_is_refused() {
    let mut document = cosign();
    document["predicate"]["scanner"]["result"] = in_toto();
    assert!(read_it(&document).is_err());
    document["predicate"]["scanner"]["result"] = json!("none");
    assert!(read_it(&document).is_err());
}

#[test]
fn an_envelope_is_as_strict_as_any_document() {
    let twice = cosign().to_string().replacen('{', r#"{"subject":[],"#, 1);
    let mut document = envelope(&cosign());
    document["payload"] = json!(STANDARD.encode(twice));
    assert!(matches!(read_it(&document), Err(ReportError::Json(_))));
    document["payload"] = json!("%%");
    assert!(read_it(&document).is_err());
}

#[test]
fn in_toto_rates_by_the_gravest_score_or_word_and_is_no_pass() {
    for document in [in_toto(), envelope(&in_toto())] {
        let report = read_it(&document).unwrap();
        assert_eq!(report.format, Format::InTotoVulns);
        assert!(!report.format.can_satisfy());
        assert_eq!(report.subject.manifests, [Digest::sha256(b"manifest")]);
        assert_eq!(report.database_at, "2026-03-01T00:00:00Z".parse().ok());
        let rated: Vec<_> = report.findings.iter().map(|it| it.severity).collect();
        assert_eq!(rated, [Some(Severity::Critical), None]);
    }
}

#[test]
fn in_toto_reads_its_first_version_and_refuses_words_it_does_not_know() {
    let mut first = in_toto();
    first["predicateType"] = json!("https://in-toto.io/attestation/vulns/v0.1");
    let list = first["predicate"]["scanner"]["result"].take();
    first["predicate"]["scanner"]["result"] = json!({"vulnerabilities": list});
    assert_eq!(read_it(&first).unwrap().findings.len(), 2);
    let mut vector = in_toto();
    let score = json!([{"method": "cvss", "score": "CVSS:3.1/AV:N/AC:L"}]);
    vector["predicate"]["scanner"]["result"][0]["severity"] = score;
    let cut = read_it(&vector).unwrap_err().to_string();
    assert!(cut.contains("is no CVSS vector of version"), "{cut}");
    let mut odd = in_toto();
    odd["predicate"]["scanner"]["result"][0]["severity"] = json!([{"score": "severe"}]);
    assert!(matches!(read_it(&odd), Err(ReportError::Severity(_))));
}

#[test]
fn an_attestation_of_something_else_is_no_scan() {
    let mut document = cosign();
    document["predicateType"] = json!("https://slsa.dev/provenance/v1");
    assert!(matches!(
        read_it(&document),
        Err(ReportError::Unrecognised { .. })
    ));
}
