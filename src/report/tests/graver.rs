//! Ratings that stand elsewhere than the word of a finding.

use serde_json::{Value, json};

use crate::report::{Incomplete, ScanReport, Severity, read};

const SNYK: &str = include_str!("../../../tests/fixtures/reports/snyk.json");
const TRIVY: &str = include_str!("../../../tests/fixtures/reports/trivy-findings.json");

fn read_it(document: &Value) -> ScanReport {
    read(document.to_string().as_bytes(), None).unwrap()
}

#[test]
fn what_trivy_calls_unknown_is_rated_by_the_gravest_word_of_a_source() {
    for (told, severity) in [
        (json!({"nvd": 4}), Some(Severity::Critical)),
        (json!({"redhat": 3, "ubuntu": 1}), Some(Severity::High)),
        (json!({"nvd": 2}), Some(Severity::Medium)),
        (json!({"nvd": 0}), None),
        (json!({}), None),
        (Value::Null, None),
    ] {
        let word = format!("\"UNKNOWN\", \"VendorSeverity\": {told}");
        let text = TRIVY.replace("\"UNKNOWN\"", &word);
        let report = read(text.as_bytes(), None).unwrap();
        assert_eq!(report.findings[1].severity, severity, "{told}");
    }
    // A word that rates stands for itself, as Trivy was told whom to prefer.
    let text = TRIVY.replace("\"LOW\"", "\"LOW\", \"VendorSeverity\": {\"nvd\": 4}");
    let report = read(text.as_bytes(), None).unwrap();
    let critical = |it: &crate::report::Finding| it.severity == Some(Severity::Critical);
    assert!(!report.findings.iter().any(critical));
    for bad in ["{\"nvd\": 5}", "{\"nvd\": \"x\"}", "[4]"] {
        let word = format!("\"UNKNOWN\", \"VendorSeverity\": {bad}");
        let text = TRIVY.replace("\"UNKNOWN\"", &word);
        assert!(read(text.as_bytes(), None).is_err(), "{bad}");
    }
}

#[test]
fn what_a_policy_at_snyk_lowered_counts_as_snyk_rated_it() {
    let mut document: Value = serde_json::from_str(SNYK).unwrap();
    for (original, severity) in [
        (json!("critical"), Severity::Critical),
        (json!("medium"), Severity::Medium),
        (Value::Null, Severity::Low),
    ] {
        document["vulnerabilities"][1]["originalSeverity"] = original.clone();
        let report = read_it(&document);
        let found = report.findings.iter().find(|it| it.package == "bash");
        assert_eq!(found.unwrap().severity, Some(severity), "{original}");
    }
}

/// One result, as a tool with these rules and this result writes it.
fn sarif(driver: &Value, extensions: &Value, result: &Value) -> ScanReport {
    read_it(&json!({
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "tool", "rules": driver}, "extensions": extensions},
            "results": [result],
        }],
    }))
}

fn rule(id: &str, score: &str) -> Value {
    json!({"id": id, "properties": {"security-severity": score}})
}

#[test]
fn of_sarif_rules_with_one_id_the_gravest_counts_wherever_it_stands() {
    let (grave, mild) = (rule("CVE-2026-1", "9.8"), rule("CVE-2026-1", "2"));
    let result = json!({"ruleId": "CVE-2026-1"});
    for rules in [
        json!([grave, mild]),
        json!([mild, grave]),
        json!([mild, grave, mild]),
    ] {
        let report = sarif(&rules, &Value::Null, &result);
        assert_eq!(
            report.findings[0].severity,
            Some(Severity::Critical),
            "{rules}"
        );
    }
    // What one of them leaves open may be graver than the other, and may be milder.
    let unrated = json!({"id": "CVE-2026-1"});
    for rules in [json!([unrated, mild]), json!([mild, unrated, mild])] {
        let report = sarif(&rules, &Value::Null, &result);
        let severities: Vec<_> = report.findings.iter().map(|it| it.severity).collect();
        assert_eq!(severities, [None, Some(Severity::Low)], "{rules}");
    }
}

#[test]
fn a_sarif_rule_of_all_of_an_id_comes_before_one_of_a_part_of_it() {
    let rules = json!([rule("CVE-2026-1", "2"), rule("CVE-2026-1/openssl", "9.8")]);
    for place in [json!(0), json!(1), Value::Null] {
        let result = json!({"ruleId": "CVE-2026-1/openssl", "ruleIndex": place});
        let report = sarif(&rules, &Value::Null, &result);
        let severity = report.findings[0].severity;
        assert_eq!(severity, Some(Severity::Critical), "{place}");
    }
}

#[test]
fn a_sarif_result_that_says_more_than_its_rule_is_rated_by_that() {
    let rules = json!([rule("CVE-2026-0001", "9.8"), rule("CVE-2026-0002", "2")]);
    for result in [
        json!({"ruleId": "CVE-2026-0001/zlib", "ruleIndex": 0}),
        json!({"ruleId": "CVE-2026-0001/zlib"}),
        json!({"ruleId": "CVE-2026-0001/zlib/1.3"}),
        json!({"ruleId": "CVE-2026-0001/zlib", "ruleIndex": 1}),
        json!({"rule": {"id": "CVE-2026-0001", "index": 0}}),
    ] {
        let report = sarif(&rules, &Value::Null, &result);
        assert_eq!(
            report.findings[0].severity,
            Some(Severity::Critical),
            "{result}"
        );
        assert_eq!(report.findings[0].id, "CVE-2026-0001", "{result}");
    }
    let other = json!({"ruleId": "CVE-2026-00010"});
    assert_eq!(
        sarif(&rules, &Value::Null, &other).findings[0].severity,
        None
    );
}

#[test]
fn a_sarif_rule_of_an_extension_rates_its_results() {
    let driver = json!([rule("CVE-2026-2", "2")]);
    let extensions = json!([{"name": "a"}, {"name": "b", "rules": [rule("CVE-2026-1", "9.8")]}]);
    for result in [
        json!({"ruleId": "CVE-2026-1", "ruleIndex": 0, "rule": {"toolComponent": {"index": 1}}}),
        json!({"rule": {"index": 0, "toolComponent": {"index": 1}}}),
        json!({"ruleId": "CVE-2026-1", "rule": {"toolComponent": {"name": "b"}}}),
        json!({"ruleId": "CVE-2026-1"}),
    ] {
        let report = sarif(&driver, &extensions, &result);
        assert_eq!(
            report.findings[0].severity,
            Some(Severity::Critical),
            "{result}"
        );
    }
}

#[test]
fn a_severity_word_of_sarif_counts_in_any_case_and_in_properties() {
    let result = json!({"ruleId": "CVE-2026-1"});
    for properties in [
        json!({"tags": ["vulnerability", "critical"]}),
        json!({"severity": "Critical"}),
    ] {
        let rules = json!([{"id": "CVE-2026-1", "properties": properties}]);
        let report = sarif(&rules, &Value::Null, &result);
        assert_eq!(
            report.findings[0].severity,
            Some(Severity::Critical),
            "{properties}"
        );
    }
    let rated = json!({"ruleId": "CVE-2026-1", "properties": {"severity": "CRITICAL"}});
    let report = sarif(&Value::Null, &Value::Null, &rated);
    assert_eq!(report.findings[0].severity, Some(Severity::Critical));
    for unread in [json!(9), json!("none"), json!({})] {
        let rated = json!({"ruleId": "CVE-2026-1", "properties": {"severity": unread}});
        let report = sarif(&Value::Null, &Value::Null, &rated);
        assert_eq!(report.findings[0].severity, None, "{unread}");
    }
}

#[test]
fn a_sarif_report_with_parts_elsewhere_is_incomplete() {
    let whole = json!({
        "version": "2.1.0",
        "runs": [{"tool": {"driver": {"name": "tool"}}, "results": []}],
    });
    assert_eq!(read_it(&whole).incomplete, []);
    let mut inline = whole.clone();
    inline["inlineExternalProperties"] = json!([{"results": [{"ruleId": "CVE-2026-1"}]}]);
    let mut file = whole.clone();
    file["runs"][0]["externalPropertyFileReferences"] =
        json!({"results": [{"location": {"uri": "results.json"}}]});
    for document in [inline, file] {
        let report = read_it(&document);
        assert!(
            matches!(&*report.incomplete, [Incomplete::Filtered(_)]),
            "{document}"
        );
    }
    let mut empty = whole;
    empty["inlineExternalProperties"] = json!([]);
    assert_eq!(read_it(&empty).incomplete, []);
}
