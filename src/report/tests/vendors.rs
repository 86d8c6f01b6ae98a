//! The reports of other vendors, each held to the same: it is a pass only if it names its
//! image by digest and shows that the scan ended, and no damage to it makes it milder.

use serde_json::Value;

use crate::oci::Digest;
use crate::report::{Finding, Format, Incomplete, ReportError, ScanReport, Severity, detect, read};

const TRIVY_OPERATOR: &str = include_str!("../../../tests/fixtures/reports/trivy-operator.json");
const ECR: &str = include_str!("../../../tests/fixtures/reports/ecr-basic.json");
const ECR_ENHANCED: &str = include_str!("../../../tests/fixtures/reports/ecr-enhanced.json");
const INSPECTOR: &str = include_str!("../../../tests/fixtures/reports/inspector.json");
const PRISMA: &str = include_str!("../../../tests/fixtures/reports/prisma.json");
const SNYK: &str = include_str!("../../../tests/fixtures/reports/snyk.json");
pub const CLAIR: &str = include_str!("../../../tests/fixtures/reports/clair.json");
pub const QUAY: &str = include_str!("../../../tests/fixtures/reports/quay.json");
const ANCHORE: &str = include_str!("../../../tests/fixtures/reports/anchore.json");

const ALL: [(&str, Format); 9] = [
    (TRIVY_OPERATOR, Format::TrivyOperator),
    (ECR, Format::Ecr),
    (ECR_ENHANCED, Format::Ecr),
    (INSPECTOR, Format::Inspector),
    (PRISMA, Format::Prisma),
    (SNYK, Format::Snyk),
    (CLAIR, Format::Clair),
    (QUAY, Format::Quay),
    (ANCHORE, Format::Anchore),
];

/// In every fixture, and critical.
const WORST: &str = "CVE-2099-2001";

fn text(document: &Value) -> String {
    document.to_string()
}

fn value(document: &str) -> Value {
    serde_json::from_str(document).unwrap()
}

fn report(document: &str) -> ScanReport {
    read(document.as_bytes(), None).unwrap()
}

/// Reads `document` after `change`.
pub fn changed(document: &str, change: impl FnOnce(&mut Value)) -> Result<ScanReport, ReportError> {
    let mut value = value(document);
    change(&mut value);
    read(text(&value).as_bytes(), None)
}

fn worst(report: &ScanReport) -> Option<&Finding> {
    let named = |finding: &&Finding| {
        finding.id == WORST || finding.aliases.iter().any(|alias| alias == WORST)
    };
    report.findings.iter().find(named)
}

/// Whether it would be taken for a scan of its image in which nothing is critical.
fn passes(report: &ScanReport) -> bool {
    let critical = Some(Severity::Critical);
    report.format.can_satisfy()
        && report.incomplete.is_empty()
        && !report.subject.manifests.is_empty()
        && report
            .findings
            .iter()
            .all(|finding| finding.severity < critical)
}

#[test]
fn each_is_told_by_its_own_keys() {
    for (document, format) in ALL {
        assert_eq!(detect(document.as_bytes()), Ok(format));
        let other = match format {
            Format::Snyk => Format::Trivy,
            _ => Format::Snyk,
        };
        let claimed = read(document.as_bytes(), Some(other));
        assert!(matches!(claimed, Err(ReportError::OtherFormat { .. })));
    }
}

#[test]
fn each_names_its_image_and_what_is_wrong_with_it() {
    for (document, format) in ALL {
        let report = report(document);
        assert_eq!(
            report.subject.manifests,
            [Digest::sha256(b"manifest")],
            "{format}"
        );
        let worst = worst(&report).unwrap();
        assert_eq!(worst.severity, Some(Severity::Critical), "{format}");
        assert!(worst.package.starts_with("zlib"), "{format}");
        assert!(worst.installed.contains("1.2.13"), "{format}");
        let is_whole = report.incomplete.is_empty();
        assert_eq!(
            is_whole,
            format != Format::Inspector,
            "{:?}",
            report.incomplete
        );
    }
}

#[test]
fn what_a_vendor_did_not_rate_by_a_word_its_scores_rate() {
    for (document, format) in ALL {
        let report = report(document);
        let unrated = report.findings.iter().find(|finding| {
            let ids = std::iter::once(&finding.id).chain(&finding.aliases);
            ids.into_iter().any(|id| id == "CVE-2099-2003")
        });
        let Some(finding) = unrated else {
            assert_eq!(format, Format::Quay);
            continue;
        };
        assert_eq!(finding.severity, Some(Severity::High), "{format}");
    }
}

/// The path of every value in a document: keys and indexes, as JSON pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(entries) => {
            for (key, entry) in entries {
                let place = format!("{at}/{}", escaped(key));
                places(entry, &place, found);
                found.push(place);
            }
        }
        Value::Array(entries) => {
            for (index, entry) in entries.iter().enumerate() {
                places(entry, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// The object that holds `place`, and its key there.
fn holder<'a>(
    document: &'a mut Value,
    place: &str,
) -> (&'a mut serde_json::Map<String, Value>, String) {
    let (holder, key) = place.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/").replace("~0", "~");
    (
        document
            .pointer_mut(holder)
            .unwrap()
            .as_object_mut()
            .unwrap(),
        key,
    )
}

/// What stands in the place of a value.
const DAMAGES: [fn(&Value) -> Value; 7] = [
    |_| Value::Null,
    |_| Value::from(""),
    |_| serde_json::json!([]),
    |_| serde_json::json!({}),
    |_| Value::from(0),
    |_| Value::from(false),
    |value| serde_json::json!([value]),
];

/// Every document with one value lost, under another key, or another in its place.
fn damaged(document: &Value, place: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for damage in DAMAGES {
        let mut changed = document.clone();
        let value = changed.pointer_mut(place).unwrap();
        *value = damage(value);
        all.push(changed);
    }
    for name in [None, Some("X"), Some("x")] {
        let mut changed = document.clone();
        let (object, key) = holder(&mut changed, place);
        let value = object.remove(&key).unwrap();
        if let Some(end) = name {
            object.insert(format!("{key}{end}"), value);
        }
        all.push(changed);
    }
    all
}

#[test]
fn no_damage_makes_a_pass_of_a_denied_report() {
    for (document, format) in ALL {
        let original = value(document);
        let mut all = Vec::new();
        places(&original, "", &mut all);
        // Without its list a report has lost its findings whole, and Anchore counts none.
        let whole = |place: &String| format == Format::Anchore && place == "/vulnerabilities";
        let emptied = |place: &String| format == Format::Quay && place.ends_with("Vulnerabilities");
        for place in all.iter().filter(|place| !whole(place) && !emptied(place)) {
            for changed in damaged(&original, place) {
                if let Ok(read) = read(text(&changed).as_bytes(), None) {
                    assert!(!passes(&read), "{format}: {place}: {changed}");
                }
            }
        }
    }
}

#[test]
fn a_report_that_finds_nothing_is_a_pass() {
    let empty = || serde_json::json!([]);
    type Clean = fn(&mut Value, Value);
    let all: [(&str, Clean); 7] = [
        (TRIVY_OPERATOR, |value, none| {
            value["report"]["vulnerabilities"] = none;
            for key in ["criticalCount", "lowCount", "unknownCount"] {
                value["report"]["summary"][key] = Value::from(0);
            }
        }),
        (ECR, |value, none| {
            value["imageScanFindings"]["findings"] = none;
            value["imageScanFindings"]["findingSeverityCounts"] = serde_json::json!({});
        }),
        (PRISMA, |value, _| {
            // What is empty twistcli leaves out.
            let image = value["results"][0].as_object_mut().unwrap();
            image.remove("vulnerabilities").unwrap();
            let none = ["critical", "high", "medium", "low", "total"].map(|key| (key, 0));
            image["vulnerabilityDistribution"] = none.into_iter().collect();
        }),
        (SNYK, |value, none| {
            value["vulnerabilities"] = none.clone();
            value["filtered"]["ignore"] = none.clone();
            value["applications"] = none;
            value["uniqueCount"] = Value::from(0);
        }),
        (CLAIR, |value, _| {
            value["vulnerabilities"] = serde_json::json!({});
            value["package_vulnerabilities"] = serde_json::json!({});
        }),
        (QUAY, |value, none| {
            value["data"]["Layer"]["Features"][0]["Vulnerabilities"] = none;
        }),
        (ANCHORE, |value, none| value["vulnerabilities"] = none),
    ];
    for (document, clean) in all {
        let report = changed(document, |value| clean(value, empty())).unwrap();
        assert!(passes(&report) && report.findings.is_empty(), "{report:#?}");
    }
}

#[test]
fn a_report_that_names_no_digest_is_no_pass() {
    for (document, place, format) in [
        (
            TRIVY_OPERATOR,
            "/report/artifact/digest",
            Format::TrivyOperator,
        ),
        (ECR, "/imageId/imageDigest", Format::Ecr),
        (CLAIR, "/manifest_hash", Format::Clair),
        (ANCHORE, "/imageDigest", Format::Anchore),
    ] {
        let unnamed = changed(document, |value| {
            *value.pointer_mut(place).unwrap() = Value::from("");
        });
        let incomplete = unnamed.unwrap().incomplete;
        assert!(
            incomplete.contains(&Incomplete::Unnamed),
            "{format}: {incomplete:?}"
        );
    }
    let prisma = changed(PRISMA, |value| {
        value["results"][0]["digest"] = Value::from("");
        value["results"][0]["id"] = Value::from("");
    });
    assert_eq!(prisma.unwrap().incomplete, [Incomplete::Unnamed]);
    let typed = changed(SNYK, |value| value["path"] = Value::from("team/app:1.4")).unwrap();
    assert!(!typed.incomplete.is_empty() && typed.subject.manifests.is_empty());
}

#[test]
fn a_scan_that_did_not_end_is_no_pass() {
    for status in ["IN_PROGRESS", "FAILED", "UNSUPPORTED_IMAGE", "PENDING", ""] {
        let report = changed(ECR, |value| {
            value["imageScanStatus"]["status"] = Value::from(status);
        });
        assert!(!report.unwrap().incomplete.is_empty(), "{status}");
    }
    let queued = changed(QUAY, |value| value["status"] = Value::from("queued"));
    assert!(!queued.unwrap().incomplete.is_empty());
    let paged = changed(ECR, |value| value["nextToken"] = Value::from("abc")).unwrap();
    assert!(!paged.incomplete.is_empty());
    let part = changed(ANCHORE, |value| {
        value["vulnerability_type"] = Value::from("os")
    });
    assert!(!part.unwrap().incomplete.is_empty());
    let threshold = changed(SNYK, |value| {
        value["severityThreshold"] = Value::from("high")
    });
    assert!(!threshold.unwrap().incomplete.is_empty());
}

#[test]
fn one_report_is_on_one_image() {
    let other = format!("sha256:{}", "7".repeat(64));
    for (document, place) in [
        (
            INSPECTOR,
            "/findings/1/resources/0/details/awsEcrContainerImage/imageHash",
        ),
        (ECR_ENHANCED, "/imageId/imageDigest"),
    ] {
        let several = changed(document, |value| {
            *value.pointer_mut(place).unwrap() = Value::from(&*other);
        });
        assert!(
            matches!(several, Err(ReportError::SeveralImages { .. })),
            "{several:?}"
        );
    }
    let two = changed(PRISMA, |value| {
        let first = value["results"][0].clone();
        value["results"].as_array_mut().unwrap().push(first);
    });
    assert!(matches!(two, Err(ReportError::SeveralImages { .. })));
    let host = changed(INSPECTOR, |value| {
        value["findings"][0]["resources"][0]["details"] = serde_json::json!({});
    });
    assert!(matches!(host, Err(ReportError::NotAnImage(_))));
}

#[test]
fn a_list_of_kubernetes_may_hold_the_reports_of_one_image() {
    let item = value(TRIVY_OPERATOR);
    let list = |items: Vec<Value>| {
        text(&serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items}))
    };
    let mut older = item.clone();
    older["report"]["updateTimestamp"] = Value::from("2026-02-01T00:00:00Z");
    let both = report(&list(vec![item.clone(), older]));
    assert_eq!(both.scanned_at, "2026-02-01T00:00:00Z".parse().ok());
    assert_eq!(both.findings, report(TRIVY_OPERATOR).findings);
    assert_eq!(both.tool.name, "trivy");
    let mut other = item.clone();
    other["report"]["artifact"]["digest"] = Value::from(format!("sha256:{}", "7".repeat(64)));
    let several = read(list(vec![item.clone(), other]).as_bytes(), None);
    assert!(matches!(several, Err(ReportError::SeveralImages { .. })));
    let mut audit = item;
    audit["kind"] = Value::from("ConfigAuditReport");
    let refused = read(text(&audit).as_bytes(), None).unwrap_err().to_string();
    assert!(refused.contains("ConfigAuditReport"), "{refused}");
}

#[test]
fn secrets_and_malware_of_compliance_checks_are_counted() {
    let read = report(PRISMA);
    assert_eq!((read.malware, read.secrets), (0, 1));
    let malware = changed(PRISMA, |value| {
        value["results"][0]["compliances"][1]["id"] = Value::from(422);
    });
    assert_eq!(malware.unwrap().malware, 1);
    let untold = changed(PRISMA, |value| {
        value["results"][0]["compliances"] = serde_json::json!([
            {"title": "Sensitive information provided in environment variables"},
            {"title": "Image contains malware"},
        ]);
    });
    let untold = untold.unwrap();
    assert_eq!((untold.malware, untold.secrets), (1, 1));
    let malicious = changed(SNYK, |value| {
        value["vulnerabilities"][1]["malicious"] = Value::from(true);
    });
    assert_eq!(malicious.unwrap().malware, 1);
}

#[test]
fn times_are_read_as_each_vendor_writes_them() {
    for document in [ECR, ECR_ENHANCED] {
        let read = report(document);
        assert_eq!(read.scanned_at, "2026-03-02T01:15:00Z".parse().ok());
        assert_eq!(read.database_at, "2026-03-01T01:00:00.5Z".parse().ok());
    }
    assert_eq!(
        report(PRISMA).scanned_at,
        "2026-03-02T01:15:00Z".parse().ok()
    );
}

#[test]
fn what_was_suppressed_counts_and_what_is_gone_does_not() {
    let ids = |document: &str| -> Vec<String> {
        let findings = report(document).findings.into_iter();
        findings.map(|finding| finding.id).collect()
    };
    assert_eq!(ids(INSPECTOR), ["CVE-2099-2001", "CVE-2099-2003"]);
    let ignored = ids(SNYK);
    assert!(
        ignored.iter().any(|id| id == "SNYK-DEBIAN12-CURL-3"),
        "{ignored:?}"
    );
    assert_eq!(ids(CLAIR).len(), 3, "one that no package has counts too");
}

#[test]
fn a_word_that_no_vendor_writes_is_refused() {
    for (document, place) in [
        (TRIVY_OPERATOR, "/report/vulnerabilities/0/severity"),
        (ECR, "/imageScanFindings/findings/0/severity"),
        (INSPECTOR, "/findings/0/severity"),
        (PRISMA, "/results/0/vulnerabilities/0/severity"),
        (SNYK, "/vulnerabilities/0/severity"),
        (CLAIR, "/vulnerabilities/10/normalized_severity"),
        (QUAY, "/data/Layer/Features/0/Vulnerabilities/0/Severity"),
        (ANCHORE, "/vulnerabilities/0/severity"),
    ] {
        for word in ["SEVERE", ""] {
            let read = changed(document, |value| {
                *value.pointer_mut(place).unwrap() = Value::from(word);
            });
            assert!(read.is_err(), "{place} {word:?}");
        }
    }
}

#[test]
fn a_vendor_that_is_not_read_is_named_where_it_can_be() {
    for (document, vendor) in [
        (
            r#"{"results":[{"source":{},"packages":[]}],"experimental_config":{}}"#,
            "OSV-Scanner",
        ),
        (
            r#"{"securityViolations":[],"vulnerabilities":[]}"#,
            "JFrog Xray",
        ),
        (r#"{"info":{},"scanner":{},"result":{}}"#, "Sysdig"),
        (r#"{"scanOriginResource":{},"result":{}}"#, "Wiz"),
        (r#"{"report":{},"error_message":""}"#, "NeuVector"),
        (r#"{"Findings":[{"ProductArn":"a"}]}"#, "Security Hub"),
        (r#"{"artifacts":[],"artifactRelationships":[]}"#, "Syft"),
        (r#"{"status":"queued","data":null}"#, "Quay"),
        (r#"{"vulnerabilities":[],"dependencyCount":3}"#, "Snyk"),
        (r#"{"apiVersion":"v1","kind":"Pod"}"#, "Kubernetes"),
        (r#"{"findings":[]}"#, "no findings"),
    ] {
        let error = detect(document.as_bytes()).unwrap_err();
        assert!(matches!(error, ReportError::Unrecognised { .. }), "{error}");
        let told = error.to_string();
        assert!(told.contains(vendor), "{document}: {told}");
    }
}

/// Many packages share a vulnerability: nothing of it is copied or searched for each.
#[test]
fn a_long_text_of_a_vulnerability_is_read_once_for_all_its_packages() {
    let long = "a CVE-2099-7777 ".repeat(64 << 10);
    let report = changed(CLAIR, |value| {
        let id = value["vulnerabilities"]
            .as_object()
            .unwrap()
            .keys()
            .next()
            .cloned();
        let id = id.unwrap();
        let vulnerability = &mut value["vulnerabilities"][&id];
        for field in ["fixed_in_version", "updater", "links"] {
            vulnerability[field] = long.clone().into();
        }
        let has = (0..2000).map(|it| (format!("of-{it}"), serde_json::json!([id.clone()])));
        let has: serde_json::Map<String, Value> = has.collect();
        value["package_vulnerabilities"] = Value::Object(has);
    });
    let report = report.unwrap();
    let texts = report
        .findings
        .iter()
        .flat_map(|it| [&it.fixed, &it.severity_source]);
    let held: usize = texts.flatten().map(String::capacity).sum();
    assert!(held < 64 << 10, "{held}");
    let named = report
        .findings
        .iter()
        .any(|it| it.aliases.contains(&"CVE-2099-7777".to_owned()));
    assert!(named, "{:?}", report.findings);
}
