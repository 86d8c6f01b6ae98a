use serde_json::{Value, json};

use crate::oci::Digest;
use crate::report::{Format, Incomplete, ReportError, ScanReport, Severity, read};

/// What Trivy writes for two vulnerabilities, the first of two severities.
fn document() -> Value {
    let rule = |id: &str, score: &str, word: &str| {
        json!({
            "id": id,
            "properties": {"security-severity": score, "tags": ["vulnerability", "security", word]},
        })
    };
    let outcome = |id: &str, index: u32, package: &str| {
        let text = format!(
            "Package: {package}\nInstalled Version: 1.0-r1\nVulnerability {id}\nFixed Version: 1.1"
        );
        json!({"ruleId": id, "ruleIndex": index, "level": "error", "message": {"text": text}})
    };
    json!({
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "Trivy", "version": "0.69.0", "rules": [
                rule("CVE-2026-0001", "7.5", "HIGH"), rule("CVE-2026-0002", "9.8", "CRITICAL"),
            ]}},
            "results": [outcome("CVE-2026-0001", 0, "zlib"), outcome("CVE-2026-0002", 1, "openssl")],
            "properties": {
                "imageName": "team/app:1", "imageID": Digest::sha256(b"config"),
                "repoDigests": [format!("team/app@{}", Digest::sha256(b"manifest"))],
            },
        }],
    })
}

fn read_it(document: &Value) -> Result<ScanReport, ReportError> {
    read(document.to_string().as_bytes(), None)
}

#[test]
fn reads_subject_findings_and_tool_and_is_no_pass() {
    let report = read_it(&document()).unwrap();
    assert_eq!(report.format, Format::Sarif);
    assert!(!report.format.can_satisfy());
    assert_eq!(
        (&*report.tool.name, report.tool.version.as_deref()),
        ("trivy", Some("0.69.0"))
    );
    assert_eq!(report.subject.manifests, [Digest::sha256(b"manifest")]);
    assert_eq!(report.subject.image_id, Some(Digest::sha256(b"config")));
    let found = &report.findings[1];
    assert_eq!(
        (&*found.id, &*found.package, &*found.installed),
        ("CVE-2026-0002", "openssl", "1.0-r1")
    );
    assert_eq!(found.fixed.as_deref(), Some("1.1"));
}

#[test]
fn tells_high_from_critical_by_score_or_word_and_takes_an_unrated_error_for_the_gravest() {
    let report = read_it(&document()).unwrap();
    let rated: Vec<_> = report.findings.iter().map(|it| it.severity).collect();
    assert_eq!(rated, [Some(Severity::High), Some(Severity::Critical)]);
    let mut bare = document();
    bare["runs"][0]["tool"]["driver"]["rules"][1]["properties"] = Value::Null;
    let severity = |document: &Value| read_it(document).unwrap().findings[1].severity;
    assert_eq!(severity(&bare), Some(Severity::Critical));
    for level in ["warning", "note"] {
        bare["runs"][0]["results"][1]["level"] = json!(level);
        assert_eq!(severity(&bare), None);
    }
    let mut unscored = document();
    unscored["runs"][0]["tool"]["driver"]["rules"][1]["properties"] =
        json!({"security-severity": "undefined"});
    assert_eq!(severity(&unscored), None);
    let mut word = document();
    word["runs"][0]["tool"]["driver"]["rules"][1]["properties"] = json!({"tags": ["MEDIUM"]});
    assert_eq!(
        read_it(&word).unwrap().findings[1].severity,
        Some(Severity::Medium)
    );
}

#[test]
fn takes_the_graver_of_score_and_word() {
    let mut document = document();
    document["runs"][0]["tool"]["driver"]["rules"][0]["properties"]["security-severity"] =
        json!("9.1");
    assert_eq!(
        read_it(&document).unwrap().findings[0].severity,
        Some(Severity::Critical)
    );
    document["runs"][0]["tool"]["driver"]["rules"][0]["properties"]["security-severity"] =
        json!("undefined");
    assert_eq!(
        read_it(&document).unwrap().findings[0].severity,
        Some(Severity::High)
    );
}

#[test]
fn finds_a_rule_by_its_id_where_the_index_is_another_ones() {
    let mut document = document();
    document["runs"][0]["results"][0]["ruleIndex"] = json!(1);
    assert_eq!(
        read_it(&document).unwrap().findings[0].severity,
        Some(Severity::High)
    );
    document["runs"][0]["results"][0]["ruleIndex"] = json!(-1);
    assert_eq!(
        read_it(&document).unwrap().findings[0].severity,
        Some(Severity::High)
    );
}

#[test]
fn counts_what_was_suppressed_and_not_what_passed() {
    let mut document = document();
    document["runs"][0]["results"][0]["suppressions"] = json!([{"kind": "external"}]);
    document["runs"][0]["results"][1]["kind"] = json!("pass");
    let report = read_it(&document).unwrap();
    assert_eq!(report.findings.len(), 1);
    assert_eq!(
        report.findings[0].status.as_deref(),
        Some("suppressed (external)")
    );
}

#[test]
fn a_rule_that_is_of_one_package_names_its_vulnerability() {
    let mut document = document();
    for (rule, id) in [
        ("CVE-2026-0009-zlib1g-dev", "CVE-2026-0009"),
        ("GHSA-aaaa-bbbb-cccc-left-pad", "GHSA-aaaa-bbbb-cccc"),
        ("CVE-2026-0009", "CVE-2026-0009"),
        ("SEC-1-2-3-4-5", "SEC-1-2-3-4-5"),
    ] {
        document["runs"][0]["results"][0]["ruleId"] = json!(rule);
        let report = read_it(&document).unwrap();
        assert!(
            report.findings.iter().any(|it| it.id == id),
            "{rule}: {report:?}"
        );
    }
}

#[test]
fn what_is_a_vulnerability_and_something_else_counts() {
    let mut document = document();
    let tags = json!(["vulnerability", "secret", "HIGH"]);
    document["runs"][0]["tool"]["driver"]["rules"][0]["properties"]["tags"] = tags;
    assert_eq!(read_it(&document).unwrap().findings.len(), 2);
}

#[test]
fn leaves_out_secrets_and_misconfigurations() {
    let mut document = document();
    document["runs"][0]["tool"]["driver"]["rules"][0]["properties"]["tags"] =
        json!(["secret", "HIGH"]);
    let ids: Vec<_> = read_it(&document)
        .unwrap()
        .findings
        .into_iter()
        .map(|it| it.id)
        .collect();
    assert_eq!(ids, ["CVE-2026-0002"]);
}

#[test]
fn a_failed_run_is_incomplete_and_runs_are_of_one_image() {
    let mut failed = document();
    failed["runs"][0]["invocations"] = json!([{"executionSuccessful": false}]);
    let report = read_it(&failed).unwrap();
    assert!(matches!(report.incomplete[..], [Incomplete::Failed(_)]));
    let mut two = document();
    let mut other = two["runs"][0].clone();
    other["properties"]["imageID"] = json!(Digest::sha256(b"other"));
    two["runs"].as_array_mut().unwrap().push(other);
    assert!(matches!(
        read_it(&two),
        Err(ReportError::SeveralImages { .. })
    ));
}

#[test]
fn refuses_other_versions_and_documents_without_runs() {
    let mut old = document();
    old["version"] = json!("2.0.0");
    assert!(read_it(&old).is_err());
    assert!(read_it(&json!({"version": "2.1.0", "runs": []})).is_err());
}

#[test]
fn a_score_with_words_behind_it_and_one_of_the_result_count() {
    let rated = |rule: Value, result: Value| {
        let document = json!({"version": "2.1.0", "runs": [{
            "tool": {"driver": {"name": "X", "rules": [
                {"id": "R1", "properties": {"security-severity": rule}},
            ]}},
            "results": [{
                "ruleId": "R1", "level": "warning",
                "message": {"markdown": "mends CVE-2099-1000"},
                "properties": {"security-severity": result},
            }],
        }]});
        read_it(&document).unwrap().findings.remove(0)
    };
    for score in ["9.8 (CRITICAL)", "9.8/10", "9,8", "9.8"] {
        let found = rated(json!(score), Value::Null);
        assert_eq!(found.severity, Some(Severity::Critical), "{score}");
        assert_eq!(found.aliases, ["CVE-2099-1000"]);
        assert_eq!(found.mentioned, found.aliases);
        let found = rated(json!("3.1"), json!(score));
        assert_eq!(found.severity, Some(Severity::Critical), "{score}");
    }
    assert_eq!(rated(json!("undefined"), json!({})).severity, None);
}
