//! What packages were built from, as each format says it.

use serde_json::{Value, json};

use crate::oci::Digest;
use crate::report::{ScanReport, read};

const GRYPE: &str = include_str!("../../../tests/fixtures/reports/grype-findings.json");
const CYCLONEDX: &str = include_str!("../../../tests/fixtures/reports/cyclonedx.json");
const CLAIR: &str = include_str!("../../../tests/fixtures/reports/clair.json");

fn read_it(document: &Value) -> ScanReport {
    read(document.to_string().as_bytes(), None).unwrap()
}

/// Package or finding, and source with its version.
fn told(report: &ScanReport) -> Vec<(&str, &str, &str)> {
    let found = report.findings.iter().map(|it| (&it.package, &it.source));
    let listed = report.packages.iter().map(|it| (&it.name, &it.source));
    let both = found.chain(listed);
    both.filter_map(|(name, source)| {
        let source = source.as_ref()?;
        Some((&**name, &*source.name, &*source.version))
    })
    .collect()
}

fn trivy(package: &Value) -> ScanReport {
    let digest = format!("team/app@{}", Digest::sha256(b"manifest"));
    let found = json!({
        "VulnerabilityID": "CVE-2026-1", "PkgName": "liblzma5",
        "InstalledVersion": "5.6.1-1+b1", "Severity": "LOW",
    });
    let hidden = json!({"Type": "vulnerability", "Status": "ignored", "Finding": found});
    read_it(&json!({
        "SchemaVersion": 2, "ArtifactType": "container_image",
        "Metadata": {"OS": {"Family": "debian", "Name": "13"}, "RepoDigests": [digest]},
        "Results": [{
            "Class": "os-pkgs", "Packages": [package], "Vulnerabilities": [found],
            "ExperimentalModifiedFindings": [hidden],
        }],
    }))
}

#[test]
fn trivy_lists_the_source_of_each_package_and_its_findings_have_it_too() {
    let report = trivy(&json!({
        "Name": "liblzma5", "Version": "5.6.1", "Release": "1+b1",
        "SrcName": "xz-utils", "SrcVersion": "5.6.1", "SrcRelease": "1", "SrcEpoch": 2,
    }));
    let one = ("liblzma5", "xz-utils", "2:5.6.1-1");
    assert_eq!(told(&report), [one, one, one], "two findings and a package");
}

#[test]
fn trivy_says_no_more_where_source_and_binary_are_one() {
    let report = trivy(&json!({
        "Name": "liblzma5", "Version": "5.6.1-1+b1", "SrcName": "liblzma5",
        "SrcVersion": "5.6.1-1+b1",
    }));
    assert_eq!(told(&report), []);
}

#[test]
fn grype_names_the_source_beside_the_artifact_or_in_its_url() {
    let mut document: Value = serde_json::from_str(GRYPE).unwrap();
    let list = document["matches"].as_array_mut().unwrap();
    list.truncate(1);
    list[0]["artifact"]["name"] = json!("xz-libs");
    list[0]["artifact"]["upstreams"] = json!([{"name": "xz", "version": "5.2.5-8.el9"}]);
    document["ignoredMatches"] = json!([]);
    let one = ("xz-libs", "xz", "5.2.5-8.el9");
    assert_eq!(told(&read_it(&document)), [one, one]);
    let artifact = &mut document["matches"][0]["artifact"];
    artifact["upstreams"] = json!([]);
    artifact["purl"] = json!("pkg:deb/debian/xz-libs@1?arch=amd64&upstream=xz-utils");
    let one = ("xz-libs", "xz-utils", "");
    assert_eq!(told(&read_it(&document)), [one, one]);
}

#[test]
fn trivy_says_it_in_properties_of_cyclonedx() {
    let mut document: Value = serde_json::from_str(CYCLONEDX).unwrap();
    let property = |name: &str, value: &str| json!({"name": format!("aquasecurity:trivy:{name}"), "value": value});
    document["components"][0]["properties"] = json!([
        property("SrcName", "zlib"),
        property("SrcVersion", "1.3.dfsg"),
        property("SrcRelease", "3"),
        property("SrcEpoch", "1"),
    ]);
    let report = read_it(&document);
    let one = ("zlib1g", "zlib", "1:1.3.dfsg-3");
    assert!(told(&report).len() > 1, "findings and packages");
    assert!(
        told(&report).iter().all(|it| *it == one),
        "{:?}",
        told(&report)
    );
}

#[test]
fn clair_lists_the_source_of_each_package() {
    let mut document: Value = serde_json::from_str(CLAIR).unwrap();
    let source = json!({"id": "9", "name": "zlib", "version": "1:1.2.13", "kind": "source"});
    document["packages"]["1"]["source"] = source;
    let report = read_it(&document);
    let one = ("zlib1g", "zlib", "1:1.2.13");
    assert!(told(&report).len() > 1, "findings and packages");
    assert!(
        told(&report).iter().all(|it| *it == one),
        "{:?}",
        told(&report)
    );
}
