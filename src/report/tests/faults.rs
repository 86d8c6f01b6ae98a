//! Small documents that each hold the kernel of a fault seen with a real report.

use crate::oci::{Digest, Platform};
use crate::report::{
    BindTarget, Format, Incomplete, ReportBinding, ReportError, ScanReport, Severity, read,
};

macro_rules! fault {
    ($file:literal) => {
        read(
            include_bytes!(concat!("../../../tests/fixtures/reports/faults/", $file)),
            None,
        )
    };
}

/// Binds to the image that the documents are about.
fn bound(report: &ScanReport) -> ReportBinding {
    let target = BindTarget {
        manifest: &Digest::sha256(b"manifest"),
        index: None,
        config: &Digest::sha256(b"config"),
        platform: &Platform::parse("linux/amd64").unwrap(),
        chain_id: None,
        declared: true,
    };
    report.subject.binding(&target).unwrap()
}

fn ratings(report: &ScanReport) -> Vec<Option<Severity>> {
    report.findings.iter().map(|it| it.severity).collect()
}

/// Whether an advisory on `id` holds for a finding.
fn is_known_as(report: &ScanReport, id: &str) -> bool {
    let mut findings = report.findings.iter();
    findings.any(|it| it.id == id || it.aliases.iter().any(|alias| alias == id))
}

#[test]
fn an_envelope_lends_no_completeness_and_no_name() {
    for (report, within) in [
        (fault!("cosign-vuln-wraps-sarif.json"), Format::Sarif),
        (
            fault!("cosign-vuln-wraps-cyclonedx.json"),
            Format::Cyclonedx,
        ),
    ] {
        let report = report.unwrap();
        assert_eq!(report.format, Format::CosignVuln);
        assert_eq!(report.incomplete, [Incomplete::Lossy(within)]);
        assert_eq!(bound(&report), ReportBinding::Declared);
    }
}

#[test]
fn a_page_of_something_else_is_no_report() {
    for page in [
        fault!("page-of-repositories.json"),
        fault!("page-of-tickets.json"),
    ] {
        assert!(
            matches!(page, Err(ReportError::Unrecognised { .. })),
            "{page:?}"
        );
    }
}

#[test]
fn what_shows_no_end_of_a_scan_is_incomplete() {
    for report in [
        fault!("aqua-no-proof-of-a-scan.json"),
        fault!("aqua-empty-summary.json"),
        fault!("harbor-names-no-image.json"),
    ] {
        let causes = report.unwrap().incomplete;
        assert!(matches!(causes[0], Incomplete::Unproven(_)), "{causes:?}");
    }
}

#[test]
fn what_names_no_image_is_bound_by_the_submitters_word_and_may_be_complete() {
    let key = "application/vnd.security.vulnerability.report; version=1.1";
    let bare = include_str!("../../../tests/fixtures/reports/faults/harbor-names-no-image.json");
    let harbor = read(format!(r#"{{"{key}": {bare}}}"#).as_bytes(), None);
    for report in [harbor, fault!("gitlab-names-no-image.json")] {
        let report = report.unwrap();
        assert_eq!(bound(&report), ReportBinding::Declared);
        assert_eq!(report.incomplete, []);
    }
}

#[test]
fn a_rule_with_a_package_is_a_finding_of_its_vulnerability_in_that_package() {
    let report = fault!("sarif-id-with-package.sarif").unwrap();
    let found: Vec<_> = report
        .findings
        .iter()
        .map(|it| (&*it.id, &*it.package))
        .collect();
    assert_eq!(
        found,
        [
            ("CVE-2099-1000", "openssh-client"),
            ("CVE-2099-1000", "openssh-server")
        ]
    );
}

#[test]
fn an_id_in_words_or_in_a_rules_text_is_known() {
    let report = fault!("sarif-id-in-words.sarif").unwrap();
    for id in [
        "CVE-2099-1001",
        "CVE-2099-1002",
        "CVE-2099-1003",
        "SNYK-DEBIAN-X-1",
    ] {
        assert!(is_known_as(&report, id), "{id}: {report:?}");
    }
    assert_eq!(report.findings.len(), 3);
}

#[test]
fn a_score_in_words_rates_or_is_unknown() {
    let report = fault!("sarif-score-in-words.sarif").unwrap();
    assert_eq!(
        ratings(&report),
        [Some(Severity::High), None, Some(Severity::Critical)]
    );
}

#[test]
fn a_vector_or_score_rates_where_no_word_does() {
    for report in [
        fault!("cyclonedx-vector-only.json"),
        fault!("cyclonedx-unknown-word-with-score.json"),
        fault!("in-toto-vulns-vector-only.json"),
    ] {
        assert_eq!(ratings(&report.unwrap()), [Some(Severity::Critical)]);
    }
}

#[test]
fn a_probability_and_a_list_of_the_exploited_rate_nothing() {
    let report = fault!("cyclonedx-epss-and-kev.json").unwrap();
    assert_eq!(ratings(&report), [None]);
}

#[test]
fn grype_says_of_a_distribution_that_it_ended_or_was_not_looked_up() {
    let ended = fault!("grype-distro-eol.json").unwrap();
    assert!(ended.end_of_life && ended.incomplete.is_empty());
    let disabled = fault!("grype-distro-disabled.json").unwrap();
    assert!(matches!(disabled.incomplete[..], [Incomplete::Filtered(_)]));
}

#[test]
fn grype_always_writes_a_list() {
    let error = fault!("grype-matches-null.json").unwrap_err();
    assert!(
        error.to_string().starts_with("matches: is no list"),
        "{error}"
    );
}

#[test]
fn the_image_id_of_dockers_new_store_is_no_contradiction() {
    let report = fault!("trivy-image-id-is-the-manifest.json").unwrap();
    assert_eq!(bound(&report), ReportBinding::Manifest);
    assert_eq!(report.incomplete, []);
}

#[test]
fn a_severity_that_was_lost_refuses_the_report() {
    let error = fault!("trivy-severity-key-lost.json").unwrap_err();
    assert!(matches!(error, ReportError::Unrated { .. }), "{error}");
}

#[test]
fn a_long_list_of_versions_is_cut_for_people() {
    let report = fault!("trivy-long-fixed-version.json").unwrap();
    let fixed = report.findings[0].fixed.as_deref().unwrap();
    assert!(
        fixed.starts_with("0.0.0, 0.1.0") && fixed.ends_with('…'),
        "{fixed}"
    );
}

#[test]
fn a_scan_of_an_images_inventory_counts_for_the_image_that_it_names() {
    let report = fault!("trivy-from-an-sbom.json").unwrap();
    assert_eq!(bound(&report), ReportBinding::Manifest);
    assert_eq!(report.incomplete, []);
    let text = include_str!("../../../tests/fixtures/reports/faults/trivy-from-an-sbom.json");
    let nameless = text.replace("\"ImageID\"", "\"x\"");
    let error = read(nameless.as_bytes(), None).unwrap_err();
    assert!(matches!(error, ReportError::NotAnImage(_)), "{error}");
}

#[test]
fn secrets_alone_are_no_scan_of_the_packages() {
    let report = fault!("trivy-secrets-only.json").unwrap();
    assert!(matches!(report.incomplete[..], [Incomplete::Filtered(_)]));
}

#[test]
fn windows_encodings_are_read() {
    for report in [fault!("trivy-with-bom.json"), fault!("trivy-utf16.json")] {
        let report = report.unwrap();
        assert_eq!(bound(&report), ReportBinding::Manifest);
        assert_eq!(report.incomplete, []);
    }
}
