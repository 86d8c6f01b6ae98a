use crate::oci::{Digest, Platform};
use crate::report::{
    Finding, Format, Incomplete, Package, ReportError, ReportSubject, ScanReport, Severity, read,
};

const CLI: &str = include_str!("../../../tests/fixtures/reports/aqua-scannercli.json");
const PAGE: &str = include_str!("../../../tests/fixtures/reports/aqua-page.json");
const IMAGE: &str = include_str!("../../../tests/fixtures/reports/aqua-image.json");

fn report(text: &str) -> ScanReport {
    read(text.as_bytes(), Some(Format::Aqua)).unwrap()
}

/// Reads `text` with `from`, which must be in it, replaced.
fn with(text: &str, from: &str, to: &str) -> Result<ScanReport, ReportError> {
    assert!(text.contains(from), "{from} is not in the fixture");
    read(text.replace(from, to).as_bytes(), Some(Format::Aqua))
}

fn filtered(report: &ScanReport) -> bool {
    matches!(report.incomplete[..], [Incomplete::Filtered(_)])
}

#[test]
fn reads_subject_and_times() {
    let report = report(CLI);
    assert_eq!(report.tool.name, "aqua");
    assert_eq!(report.scanned_at, "2026-03-02T01:15:00.5Z".parse().ok());
    assert_eq!(report.database_at, "2026-03-01T00:15:00Z".parse().ok());
    assert_eq!(
        report.subject,
        ReportSubject {
            either: vec![Digest::sha256(b"manifest")],
            platform: Platform::parse("linux/amd64").ok(),
            name: Some("registry.example/team/app:1.4".to_owned()),
            ..ReportSubject::default()
        }
    );
    assert_eq!(report.incomplete, []);
}

#[test]
fn reads_a_digest_without_its_algorithm() {
    assert_eq!(
        with(CLI, "\"sha256:", "\"").unwrap().subject.either,
        [Digest::sha256(b"manifest")]
    );
    assert!(with(CLI, "\"sha256:05", "\"sha256:").is_err());
    assert!(with(CLI, "\"sha256:05", "\"").is_err());
}

#[test]
fn a_platform_that_is_not_fully_written_is_none() {
    for text in [
        ":::",
        "amd64:::",
        "::linux:",
        "linux/amd64",
        "",
        "a:b:c:d:e",
    ] {
        let report = with(CLI, "amd64::linux:", text).unwrap();
        assert_eq!(report.subject.platform, None, "{text}");
    }
    let asked_for = with(CLI, "amd64:::", "arm64::linux:").unwrap();
    assert_eq!(
        asked_for.subject.platform,
        Platform::parse("linux/amd64").ok()
    );
    let arm = with(CLI, "amd64::linux:", "arm64:v8:linux:").unwrap();
    assert_eq!(arm.subject.platform, Platform::parse("linux/arm64/v8").ok());
}

#[test]
fn the_graver_rating_of_aqua_and_nvd_counts() {
    let report = report(CLI);
    assert_eq!(
        report.findings[0],
        Finding {
            id: "CVE-2026-0101".to_owned(),
            aliases: Vec::new(),
            mentioned: Vec::new(),
            package: "openssl".to_owned(),
            purl: None,
            installed: "3.1.4-r5".to_owned(),
            fixed: Some("3.1.4-r6".to_owned()),
            severity: Some(Severity::Critical),
            severity_source: Some("nvd v3".to_owned()),
            status: None,
            source: None,
        }
    );
    let aqua = &report.findings[1];
    assert_eq!(aqua.severity, Some(Severity::Medium));
    assert_eq!(aqua.severity_source.as_deref(), Some("aqua"));
}

#[test]
fn a_score_rates_where_no_word_does() {
    let report = report(CLI);
    assert_eq!(report.findings[2].severity, Some(Severity::Medium));
    for (score, severity) in [
        ("9.8", Some(Severity::Critical)),
        ("\"7\"", Some(Severity::High)),
        ("0", None),
        ("\"\"", None),
    ] {
        let report = with(
            CLI,
            "\"aqua_score\": 5.3",
            &format!("\"aqua_score\": {score}"),
        );
        assert_eq!(report.unwrap().findings[2].severity, severity, "{score}");
    }
    for bad in ["11", "-1", "\"high\"", "[]"] {
        assert!(with(CLI, "5.3", bad).is_err(), "{bad}");
    }
}

#[test]
fn an_old_rating_of_nvd_counts_where_there_is_no_other() {
    let old = with(CLI, "\"aqua_score\": 5.3", "\"nvd_severity\": \"high\"").unwrap();
    assert_eq!(old.findings[2].severity, Some(Severity::High));
    let newer = with(
        CLI,
        "\"nvd_severity_v3\": \"low\"",
        "\"nvd_severity\": \"high\"",
    )
    .unwrap();
    assert_eq!(newer.findings[1].severity, Some(Severity::Medium));
}

#[test]
fn an_unknown_severity_word_is_an_error() {
    for (from, word) in [
        ("\"aqua_severity\": \"high\"", "\"aqua_severity\": \"High\""),
        (
            "\"aqua_severity\": \"high\"",
            "\"aqua_severity\": \"severe\"",
        ),
        (
            "\"nvd_severity_v3\": \"low\"",
            "\"nvd_severity_v3\": \"unimportant\"",
        ),
    ] {
        let error = with(CLI, from, word).unwrap_err();
        assert!(matches!(error, ReportError::Severity(_)), "{error}");
    }
}

#[test]
fn acknowledged_findings_count_and_are_marked() {
    let acknowledged = Some("suppressed (acknowledged)");
    let cli = report(CLI);
    assert_eq!(cli.findings[1].status.as_deref(), acknowledged);
    assert_eq!(cli.findings[0].status, None);
    let page = report(PAGE);
    assert_eq!(page.findings[0].id, "CVE-2026-0113");
    assert_eq!(page.findings[0].status.as_deref(), acknowledged);
    assert_eq!(page.findings[1].status, None);
}

#[test]
fn secrets_are_counted_wherever_they_are_reported() {
    let summary = with(CLI, "\"sensitive\": 0", "\"sensitive\": 2").unwrap();
    assert_eq!((report(CLI).secrets, summary.secrets), (0, 2));
    let listed = r#""os": "alpine", "sensitive_data": [{"path": "/a"}, {"path": "/b"}]"#;
    assert_eq!(with(CLI, "\"os\": \"alpine\"", listed).unwrap().secrets, 2);
    let here = r#""vulnerabilities": null, "sensitive_data": [{"path": "/a"}]"#;
    let in_a_resource = with(CLI, "\"vulnerabilities\": null", here).unwrap();
    assert_eq!(in_a_resource.secrets, 1);
}

#[test]
fn malware_is_counted_wherever_it_is_reported() {
    assert_eq!(report(CLI).malware, 0);
    let summary = with(CLI, "\"malware\": 0", "\"malware\": 2").unwrap();
    assert_eq!(summary.malware, 2);
    let listed = r#""os": "alpine", "malware": [{"path": "/a"}, {"path": "/b"}, {"path": "/c"}]"#;
    assert_eq!(with(CLI, "\"os\": \"alpine\"", listed).unwrap().malware, 3);
    let here = r#""vulnerabilities": null, "malware": [{"path": "/a"}]"#;
    let in_a_resource = with(CLI, "\"vulnerabilities\": null", here).unwrap();
    assert_eq!(in_a_resource.malware, 1);
}

#[test]
fn fewer_findings_than_the_summary_counts_are_incomplete() {
    let more = with(CLI, "\"total\": 3", "\"total\": 5").unwrap();
    assert!(filtered(&more), "{:?}", more.incomplete);
    let text = more.incomplete[0].to_string();
    assert!(
        text.contains("counts 5 vulnerabilities, 4 are listed"),
        "{text}"
    );
}

#[test]
fn negligible_findings_may_be_counted_and_not_listed() {
    let hidden = with(CLI, "\"negligible\": 1", "\"negligible\": 7").unwrap();
    assert_eq!(hidden.incomplete, []);
}

#[test]
fn resources_that_were_not_scanned_make_a_report_incomplete() {
    let report = with(CLI, "\"scanned\": true", "\"scanned\": false").unwrap();
    assert!(matches!(report.incomplete[..], [Incomplete::Failed(_)]));
}

#[test]
fn nothing_recognised_is_incomplete() {
    let ended =
        r#""scan_started":{"seconds":1},"scan_duration":1,"vulnerability_summary":{"total":0}"#;
    for resources in ["null", "[]"] {
        let text = format!(r#"{{"image":"app","os":"alpine","resources":{resources},{ended}}}"#);
        assert_eq!(report(&text).incomplete, [Incomplete::NothingRecognised]);
    }
}

#[test]
fn a_report_that_shows_no_end_of_the_scan_is_incomplete() {
    for key in [
        "scan_started",
        "scan_duration",
        "vulnerability_summary",
        "total",
    ] {
        let report = with(CLI, &format!("\"{key}\""), "\"x\"").unwrap();
        assert!(
            matches!(report.incomplete[..], [Incomplete::Unproven(_)]),
            "{key}"
        );
    }
}

#[test]
fn a_rating_that_was_lost_shows_in_the_summary() {
    let lost = with(CLI, "\"aqua_severity\": \"medium\"", "\"x\": 1").unwrap();
    assert!(filtered(&lost), "{:?}", lost.incomplete);
    let all = with(CLI, "\"aqua_score\": 5.3", "\"x\": 1").unwrap_err();
    assert!(matches!(all, ReportError::Unrated { .. }), "{all}");
}

#[test]
fn lists_packages_without_vulnerabilities_too() {
    let packages = report(CLI).packages;
    let named = |name: &str, version: &str| Package {
        name: name.to_owned(),
        version: version.to_owned(),
        purl: None,
        source: None,
    };
    assert_eq!(
        packages,
        [
            named("/usr/bin/helper", ""),
            named("openssl", "3.1.4-r5"),
            named("zlib", "1.3-r2")
        ]
    );
}

#[test]
fn reads_a_list_of_one_image_and_refuses_one_of_several() {
    let one = format!(r#"{{"image_name":"app:1","results":{CLI}}}"#);
    let listed = report(&format!("[{one}]"));
    assert_eq!(listed.findings, report(CLI).findings);
    assert_eq!(listed.subject, report(CLI).subject);
    let two = read(format!("[{one},{one}]").as_bytes(), None);
    assert!(matches!(two, Err(ReportError::SeveralImages { .. })));
}

#[test]
fn reads_a_page_about_one_image() {
    let report = report(PAGE);
    assert_eq!(report.incomplete, []);
    assert_eq!(report.subject.either, [Digest::sha256(b"manifest")]);
    assert_eq!(report.subject.name.as_deref(), Some("corp/team/app:1.4"));
    assert_eq!(report.findings[0].severity, Some(Severity::Critical));
    assert_eq!(report.scanned_at, "2026-03-02T00:00:00Z".parse().ok());
}

#[test]
fn an_advisory_is_as_grave_as_what_it_mends() {
    let advisory = &report(PAGE).findings[1];
    assert_eq!(advisory.id, "DSA-9001-1");
    assert_eq!(advisory.aliases, ["CVE-2026-0111", "CVE-2026-0112"]);
    assert_eq!(advisory.severity, Some(Severity::High));
    let cli = with(PAGE, "referenced_vulnerabilities", "ref_vulns").unwrap();
    assert_eq!(&cli.findings[1], advisory);
}

#[test]
fn refuses_a_page_about_several_images() {
    let manifest = Digest::sha256(b"manifest").to_string();
    let last = PAGE.rfind(&manifest).unwrap();
    for other in [Digest::sha256(b"other").to_string(), String::new()] {
        let mut page = PAGE.to_owned();
        page.replace_range(last..last + manifest.len(), &other);
        let error = read(page.as_bytes(), None).unwrap_err();
        assert!(
            matches!(error, ReportError::SeveralImages { .. }),
            "{error}"
        );
    }
    let nameless = PAGE.replace(&manifest, "");
    assert_eq!(report(&nameless).subject.either, []);
    let last = nameless
        .rfind("team/app:1.4\",\n      \"image_digest")
        .unwrap();
    let mut page = nameless;
    page.replace_range(last..last + 4, "spam");
    let error = read(page.as_bytes(), None).unwrap_err();
    assert!(
        matches!(error, ReportError::SeveralImages { .. }),
        "{error}"
    );
}

#[test]
fn a_partial_page_is_incomplete() {
    for (from, to) in [
        ("\"is_partial_data\": false", "\"is_partial_data\": true"),
        (
            "\"is_estimated_count\": false",
            "\"is_estimated_count\": true",
        ),
        ("\"count\": 2", "\"count\": 99"),
        ("\"count\": 2", "\"count\": null"),
    ] {
        let page = with(PAGE, from, to).unwrap();
        assert!(filtered(&page), "{to}: {:?}", page.incomplete);
        assert_eq!(page.findings.len(), 2);
    }
}

#[test]
fn a_page_whose_query_leaves_rows_out_is_incomplete() {
    for (from, to) in [
        ("\"show_negligible\": true", "\"show_negligible\": false"),
        (
            "\"first_found_date\": \"\"",
            "\"first_found_date\": \"2026-02-01\"",
        ),
        ("\"first_found_date\": \"\"", "\"severity\": \"critical\""),
    ] {
        let page = with(PAGE, from, to).unwrap();
        assert!(filtered(&page), "{to}: {:?}", page.incomplete);
    }
}

#[test]
fn refuses_a_page_without_rows_and_one_of_something_else() {
    for rows in [
        "[]",
        "null",
        r#"[{"name":"team/app","registry":"internal","num_images":3}]"#,
        r#"[{"name":"ticket-1","severity":"low"}]"#,
        "[7]",
        "{}",
    ] {
        let page = format!(r#"{{"count":1,"page":1,"result":{rows},"is_partial_data":false}}"#);
        let error = read(page.as_bytes(), None).unwrap_err().to_string();
        assert!(
            error.contains("not of vulnerabilities in an image"),
            "{error}"
        );
    }
}

#[test]
fn reads_an_image_of_the_first_api() {
    let report = report(IMAGE);
    assert_eq!(report.incomplete, []);
    assert_eq!(report.subject.name.as_deref(), Some("team/app:1.4"));
    let found = &report.findings[0];
    assert_eq!((&*found.id, &*found.package), ("CVE-2026-0121", "curl"));
    assert_eq!(found.severity, Some(Severity::High));
    assert_eq!(found.fixed.as_deref(), Some("7.68.0"));
}

#[test]
fn an_image_that_was_not_scanned_is_incomplete() {
    for (from, to) in [
        ("\"SCANNED\"", "\"PENDING\""),
        ("\"errorMsg\": null", "\"errorMsg\": \"no such layer\""),
    ] {
        let report = with(IMAGE, from, to).unwrap();
        assert!(matches!(report.incomplete[..], [Incomplete::Failed(_)]));
    }
    let fewer = with(IMAGE, "\"total\": 1", "\"total\": 4").unwrap();
    assert!(filtered(&fewer));
    for unsaid in [
        r#"{"image_name":"app","cves":[]}"#,
        r#"{"image_name":"app","cves":null,"status":"SCANNED"}"#,
    ] {
        let report = report(unsaid);
        assert!(matches!(report.incomplete[..], [Incomplete::Unproven(_)]));
    }
}

#[test]
fn refuses_two_shapes_in_one_document() {
    let both = CLI.replacen('{', r#"{"result":[],"count":0,"#, 1);
    assert!(read(both.as_bytes(), None).is_err());
}

#[test]
fn refuses_broken_times_and_ids() {
    for (from, to) in [
        ("1772414100", "99999999999999"),
        ("500000000", "5000000000"),
        ("CVE-2026-0101", ""),
    ] {
        assert!(with(CLI, from, to).is_err(), "{to}");
    }
    assert!(with(PAGE, "\"2026-03-02\"", "\"yesterday\"").is_err());
}
