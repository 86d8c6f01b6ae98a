//! Large reports, and what is refused in every format.

use serde_json::{Value, json};

use crate::report::{Format, MAX_FINDINGS, ReportError, ScanReport, read};

const fn fixture(format: Format) -> &'static str {
    match format {
        Format::Trivy => include_str!("../../../tests/fixtures/reports/trivy-findings.json"),
        Format::Grype => include_str!("../../../tests/fixtures/reports/grype-findings.json"),
        Format::Aqua => include_str!("../../../tests/fixtures/reports/aqua-scannercli.json"),
        Format::Gitlab => include_str!("../../../tests/fixtures/reports/gitlab-findings.json"),
        Format::Harbor => include_str!("../../../tests/fixtures/reports/harbor-findings.json"),
        Format::TrivyOperator => {
            include_str!("../../../tests/fixtures/reports/trivy-operator.json")
        }
        Format::Ecr => include_str!("../../../tests/fixtures/reports/ecr-basic.json"),
        Format::Inspector => include_str!("../../../tests/fixtures/reports/inspector.json"),
        Format::Prisma => include_str!("../../../tests/fixtures/reports/prisma.json"),
        Format::Snyk => include_str!("../../../tests/fixtures/reports/snyk.json"),
        Format::Clair => include_str!("../../../tests/fixtures/reports/clair.json"),
        Format::Quay => include_str!("../../../tests/fixtures/reports/quay.json"),
        Format::Anchore => include_str!("../../../tests/fixtures/reports/anchore.json"),
        Format::CosignVuln => include_str!("../../../tests/fixtures/reports/cosign-vuln.json"),
        Format::Sarif => include_str!("../../../tests/fixtures/reports/sarif.json"),
        Format::Cyclonedx => include_str!("../../../tests/fixtures/reports/cyclonedx.json"),
        Format::InTotoVulns => include_str!("../../../tests/fixtures/reports/in-toto-vulns.json"),
    }
}

#[test]
fn every_format_is_recognised_as_itself_alone() {
    for format in Format::ALL {
        let text = fixture(format);
        let report = read(text.as_bytes(), None).unwrap();
        assert_eq!(report.format, format);
        assert!(!report.findings.is_empty(), "{format}");
        for other in Format::ALL {
            assert_eq!(read(text.as_bytes(), Some(other)).is_ok(), other == format);
        }
    }
}

/// Bypass 6, for reports: what two parsers read differently is read by none.
#[test]
fn every_format_refuses_duplicate_keys_tails_depth_and_what_is_no_number() {
    for format in Format::ALL {
        let text = fixture(format);
        let key = text.split('"').nth(1).unwrap().to_owned();
        let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
        for bad in [
            text.replacen('{', &format!("{{\"{key}\": null,"), 1),
            format!("{text}{{}}"),
            text.replacen('{', &format!("{{\"x\": {deep},"), 1),
            text.replacen('{', "{\"x\": NaN,", 1),
            text[..text.len() / 2].to_owned(),
        ] {
            assert!(read(bad.as_bytes(), None).is_err(), "{format}: {:.80}", bad);
        }
    }
}

fn trivy(count: usize) -> Result<ScanReport, ReportError> {
    let found = |n: usize| {
        json!({
            "VulnerabilityID": format!("CVE-2026-{n}"), "PkgName": format!("package-{n}"),
            "InstalledVersion": "1.0", "FixedVersion": "1.1", "Severity": "HIGH",
        })
    };
    let report = json!({
        "SchemaVersion": 2, "ArtifactName": "app", "ArtifactType": "container_image",
        "Metadata": {"OS": {"Family": "debian", "Name": "13"}},
        "Results": [{"Class": "os-pkgs", "Vulnerabilities": (0..count).map(found).collect::<Vec<Value>>()}],
    });
    read(report.to_string().as_bytes(), None)
}

#[test]
fn a_hundred_thousand_findings_are_read_and_one_too_many_is_refused() {
    assert_eq!(trivy(100_000).unwrap().findings.len(), 100_000);
    let many = trivy(MAX_FINDINGS + 1);
    assert_eq!(
        many.unwrap_err(),
        ReportError::TooManyFindings(MAX_FINDINGS)
    );
}
