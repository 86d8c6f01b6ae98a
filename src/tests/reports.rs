//! Reports of every format: a report that is taken means one thing, in whatever order its keys
//! stand, and nothing may stand behind it.

use serde_json::Value;

use super::repeated_keys::has_repeated_key;
use super::{Fuzz, folded};
use crate::report::{ScanReport, decode, read};

const WORDS: &[&str] = &[
    "Severity",
    "severity",
    "\"CRITICAL\"",
    "\"UNKNOWN\"",
    "\"none\"",
    "vulnerabilities",
    "Results",
    "matches",
    "\"CVE-2024-1\"",
    "status",
    "\"\"",
    "fixed",
    "score",
    "9.8",
    "id",
    "\"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H\"",
    "\"2026-01-01T00:00:00Z\"",
    "version",
];

/// One test for each fixture, so that they run beside each other.
macro_rules! targets {
    ($($target:ident $file:literal)*) => {$(
        #[test]
        fn $target() {
            fuzz(stringify!($target), include_bytes!(concat!("../../tests/fixtures/reports/", $file)));
        }
    )*};
}

targets! {
    fuzz_anchore "anchore.json"
    fuzz_aqua_images "aqua-image.json"
    fuzz_aqua_pages "aqua-page.json"
    fuzz_aqua_scans "aqua-scannercli.json"
    fuzz_clair "clair.json"
    fuzz_cosign_vuln "cosign-vuln.json"
    fuzz_cyclonedx "cyclonedx.json"
    fuzz_ecr_basic "ecr-basic.json"
    fuzz_ecr_enhanced "ecr-enhanced.json"
    fuzz_gitlab "gitlab-findings.json"
    fuzz_grype "grype-findings.json"
    fuzz_harbor "harbor-findings.json"
    fuzz_in_toto "in-toto-vulns.json"
    fuzz_inspector "inspector.json"
    fuzz_prisma "prisma.json"
    fuzz_quay "quay.json"
    fuzz_sarif "sarif.json"
    fuzz_snyk "snyk.json"
    fuzz_trivy "trivy-findings.json"
    fuzz_trivy_operator "trivy-operator.json"
}

fn fuzz(name: &'static str, fixture: &[u8]) {
    // Without white space there is more to mutate in as many bytes.
    let dense: Value = serde_json::from_slice(fixture).unwrap();
    let seeds = [serde_json::to_vec(&dense).unwrap()];
    Fuzz::new(name, &seeds).words(WORDS).run(check);
}

fn check(text: &[u8]) -> String {
    match read(text, None) {
        Ok(report) => {
            assert_unambiguous(text, &report);
            let ScanReport {
                format, findings, ..
            } = report;
            format!("{format}, {} findings", findings.len().min(4))
        }
        Err(error) => folded(&error.to_string()),
    }
}

fn assert_unambiguous(text: &[u8], report: &ScanReport) {
    let words = decode(text).unwrap();
    assert!(!has_repeated_key(&words), "{words}");
    for behind in ["{}", "x", ","] {
        assert!(read(&[text, behind.as_bytes()].concat(), None).is_err());
    }
    let value: Value = serde_json::from_str(&words).unwrap();
    let again = read(&serde_json::to_vec(&value).unwrap(), None);
    assert_eq!(again.as_ref(), Ok(report), "{words}");
}
