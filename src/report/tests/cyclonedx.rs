use serde_json::{Value, json};

use crate::oci::Digest;
use crate::report::{Format, ReportError, ScanReport, Severity, read};

/// What Trivy writes, with a component within another.
fn document() -> Value {
    let image = Digest::sha256(b"manifest");
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {
            "timestamp": "2026-03-01T00:00:00+00:00",
            "tools": {"components": [{"type": "application", "name": "trivy", "version": "0.69.0"}]},
            "component": {
                "type": "container", "name": "team/app:1",
                "purl": format!("pkg:oci/app@{}?arch=amd64", image.to_string().replace(':', "%3A")),
                "properties": [{"name": "aquasecurity:trivy:ImageID", "value": Digest::sha256(b"config")}],
            },
        },
        "components": [{
            "bom-ref": "os", "type": "operating-system", "name": "debian", "version": "13",
            "components": [{
                "bom-ref": "pkg:deb/debian/zlib1g@1.3", "type": "library", "name": "zlib1g",
                "version": "1.3", "purl": "pkg:deb/debian/zlib1g@1.3",
            }],
        }],
        "vulnerabilities": [{
            "id": "CVE-2026-0001",
            "ratings": [{"severity": "low"}, {"severity": "high", "score": 7.5}],
            "affects": [{"ref": "pkg:deb/debian/zlib1g@1.3"}],
        }],
    })
}

fn read_it(document: &Value) -> Result<ScanReport, ReportError> {
    read(document.to_string().as_bytes(), None)
}

#[test]
fn reads_subject_tool_findings_and_inventory_and_is_no_pass() {
    let report = read_it(&document()).unwrap();
    assert_eq!(report.format, Format::Cyclonedx);
    assert!(!report.format.can_satisfy());
    assert_eq!(report.tool.name, "trivy");
    assert_eq!(report.scanned_at, "2026-03-01T00:00:00Z".parse().ok());
    assert_eq!(report.subject.manifests, [Digest::sha256(b"manifest")]);
    assert_eq!(report.subject.image_id, Some(Digest::sha256(b"config")));
    let found = &report.findings[0];
    assert_eq!((&*found.package, &*found.installed), ("zlib1g", "1.3"));
    assert_eq!(found.purl.as_deref(), Some("pkg:deb/debian/zlib1g@1.3"));
    let names: Vec<_> = report.packages.iter().map(|it| &*it.name).collect();
    assert_eq!(names, ["debian", "zlib1g"]);
}

#[test]
fn takes_the_gravest_rating_whoever_gave_it() {
    let rated = |ratings: Value| {
        let mut document = document();
        document["vulnerabilities"][0]["ratings"] = ratings;
        read_it(&document).map(|report| report.findings[0].severity)
    };
    assert_eq!(
        rated(json!([{"severity": "low"}, {"severity": "critical"}])),
        Ok(Some(Severity::Critical))
    );
    assert_eq!(
        rated(json!([{"severity": "none"}])),
        Ok(Some(Severity::Negligible))
    );
    assert_eq!(
        rated(json!([{"severity": "info"}])),
        Ok(Some(Severity::Negligible))
    );
    assert_eq!(rated(json!([{"severity": "unknown"}])), Ok(None));
    assert_eq!(
        rated(json!([{"score": 9.8, "method": "CVSSv3"}])),
        Ok(Some(Severity::Critical))
    );
    assert_eq!(rated(Value::Null), Ok(None));
    assert!(rated(json!([{"severity": "severe"}])).is_err());
}

#[test]
fn counts_what_the_submitter_holds_for_harmless() {
    for state in ["not_affected", "false_positive", "resolved"] {
        let mut document = document();
        document["vulnerabilities"][0]["analysis"] = json!({"state": state});
        let report = read_it(&document).unwrap();
        let status = report.findings[0].status.clone().unwrap();
        assert_eq!(status, format!("suppressed ({state})"));
    }
}

#[test]
fn lists_a_finding_for_each_component_also_for_one_it_does_not_know() {
    let mut document = document();
    document["vulnerabilities"][0]["affects"] = json!([{"ref": "os"}, {"ref": "urn:cdx:1/1#x"}]);
    let report = read_it(&document).unwrap();
    let packages: Vec<_> = report.findings.iter().map(|it| &*it.package).collect();
    assert_eq!(packages, ["debian", "urn:cdx:1/1#x"]);
    document["vulnerabilities"][0]["affects"] = Value::Null;
    assert_eq!(read_it(&document).unwrap().findings.len(), 1);
}

#[test]
fn takes_the_fix_from_an_advice_to_upgrade() {
    let mut document = document();
    assert_eq!(read_it(&document).unwrap().findings[0].fixed, None);
    document["vulnerabilities"][0]["recommendation"] = json!("Upgrade zlib1g to version 1.4");
    let report = read_it(&document).unwrap();
    assert_eq!(report.findings[0].fixed.as_deref(), Some("1.4"));
}

#[test]
fn takes_references_as_aliases() {
    let mut document = document();
    document["vulnerabilities"][0]["references"] =
        json!([{"id": "GHSA-1"}, {"id": "CVE-2026-0001"}]);
    document["vulnerabilities"][0]["advisories"] = json!([{"url": "https://lists.example/GHSA-1"}, {"url": "https://lists.example/CVE-2099-9999"}]);
    let found = read_it(&document).unwrap().findings.remove(0);
    assert_eq!(found.aliases, ["GHSA-1", "CVE-2099-9999"]);
    assert_eq!(found.mentioned, ["CVE-2099-9999"]);
}

#[test]
fn reads_tools_of_both_shapes() {
    let mut document = document();
    document["metadata"]["tools"] =
        json!([{"vendor": "anchore", "name": "grype", "version": "0.90"}]);
    assert_eq!(read_it(&document).unwrap().tool.name, "grype");
    document["metadata"]["tools"] = Value::Null;
    assert_eq!(read_it(&document).unwrap().tool.name, "unknown");
}

#[test]
fn an_inventory_is_no_scan_and_a_folder_is_no_image() {
    let mut inventory = document();
    inventory.as_object_mut().unwrap().remove("vulnerabilities");
    let text = read_it(&inventory).unwrap_err().to_string();
    assert!(text.contains("is no scan"), "{text}");
    let mut folder = document();
    folder["metadata"]["component"]["type"] = json!("application");
    assert!(matches!(read_it(&folder), Err(ReportError::NotAnImage(_))));
    let mut clean = document();
    clean["vulnerabilities"] = json!([]);
    assert_eq!(read_it(&clean).unwrap().findings, []);
}
