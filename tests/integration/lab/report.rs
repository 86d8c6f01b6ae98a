//! Scan reports for the images of the tests, as Trivy and Grype write them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Image;

/// A Trivy report of the image for amd64, with nothing found.
pub fn trivy(repository: &str, image: &Image) -> String {
    trivy_with(repository, image, &[])
}

/// A Trivy report with findings as (id, severity).
pub fn trivy_with(repository: &str, image: &Image, findings: &[(&str, &str)]) -> String {
    let found: Vec<Value> = findings
        .iter()
        .map(|(id, severity)| finding(id, severity))
        .collect();
    json!({
        "SchemaVersion": 2,
        "CreatedAt": Timestamp::now().to_string(),
        "ArtifactName": format!("{repository}@{}", image.amd64),
        "ArtifactType": "container_image",
        "Metadata": {
            "OS": {"Family": "debian", "Name": "12.8"},
            "ImageID": image.config,
            "DiffIDs": image.diff_ids,
            "RepoDigests": [format!("{repository}@{}", image.amd64)],
            "ImageConfig": {"architecture": "amd64", "os": "linux"},
        },
        "Results": [{"Target": "debian 12.8", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": found}],
    })
    .to_string()
}

fn finding(id: &str, severity: &str) -> Value {
    json!({
        "VulnerabilityID": id,
        "PkgName": "openssl",
        "PkgIdentifier": {"PURL": "pkg:deb/debian/openssl@3.0.1"},
        "InstalledVersion": "3.0.1",
        "FixedVersion": "3.0.2",
        "Status": "fixed",
        "Severity": severity,
        "SeveritySource": "debian",
    })
}

/// A Grype report of the image for amd64, with nothing found and its database dated.
pub fn grype(repository: &str, image: &Image) -> String {
    let now = Timestamp::now().to_string();
    json!({
        "matches": [],
        "source": {"type": "image", "target": {
            "userInput": format!("{repository}@{}", image.amd64),
            "imageID": image.config,
            "manifestDigest": image.amd64,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "tags": [],
            "repoDigests": [format!("{repository}@{}", image.amd64)],
            "architecture": "amd64",
            "os": "linux",
        }},
        "distro": {"name": "debian", "version": "12", "idLike": []},
        "descriptor": {
            "name": "grype",
            "version": "0.90.0",
            "timestamp": now,
            "db": {"status": {"schemaVersion": "v6.0.2", "built": now, "valid": true}},
        },
    })
    .to_string()
}
