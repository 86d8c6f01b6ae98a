//! Quay's answer on the security of a manifest
//! (`/api/v1/repository/…/manifest/DIGEST/security?vulnerabilities=true`): Clair's
//! findings in the shape of Clair's first API.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::gather::{Findings, Packages, each};
use super::{
    Finding, Format, Incomplete, Package, ReportError, ReportSubject, ScanReport, Severity, field,
    rating,
};
use crate::oci::printable;

#[derive(Deserialize)]
struct Document<'a> {
    status: String,
    #[serde(borrow)]
    data: Option<Data<'a>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, rename = "Layer")]
    layer: Layer<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Layer<'a> {
    name: String,
    #[serde(borrow)]
    features: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Feature<'a> {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(borrow)]
    vulnerabilities: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Vulnerability<'a> {
    name: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    link: String,
    #[serde(default)]
    fixed_by: String,
    #[serde(borrow)]
    metadata: Option<Metadata<'a>>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, rename = "NVD")]
    nvd: Option<Nvd<'a>>,
}

#[derive(Deserialize)]
struct Nvd<'a> {
    #[serde(borrow, rename = "CVSSv3")]
    v3: Option<Cvss<'a>>,
    #[serde(borrow, rename = "CVSSv2")]
    v2: Option<Cvss<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Cvss<'a> {
    #[serde(borrow)]
    score: Option<&'a RawValue>,
    #[serde(default)]
    vectors: String,
}

/// Whether a document with a status and data is Quay's.
pub(super) fn format(document: &str) -> Result<Format, ReportError> {
    let other = |hint| Err(ReportError::Unrecognised { hint });
    match serde_json::from_str::<Document<'_>>(document) {
        Ok(document) if document.data.is_some() => Ok(Format::Quay),
        Ok(document) if matches!(&*document.status, "queued" | "failed" | "unsupported") => {
            other("; this looks like Quay's answer without a scan that ended")
        }
        Ok(_) | Err(_) => other(""),
    }
}

/// Reads a document that is known to be strict JSON.
pub(super) fn read(document: &str) -> Result<ScanReport, ReportError> {
    let document: Document<'_> =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    let missing = || ReportError::field("data", "is missing");
    let layer = document.data.ok_or_else(missing)?.layer;
    let mut found = Found::default();
    each("Features", layer.features, |feature| found.add(feature))?;
    if document.status != "scanned" {
        let status = format!("status {}", printable(&document.status, 32));
        found.incomplete.push(Incomplete::Failed(status));
    }
    if found.packages.is_empty() {
        found.incomplete.push(Incomplete::NothingRecognised);
    }
    let report = ScanReport {
        subject: ReportSubject {
            manifests: field::digest("Layer.Name", &layer.name)?
                .into_iter()
                .collect(),
            ..ReportSubject::default()
        },
        incomplete: found.incomplete,
        findings: found.findings.distinct(),
        packages: found.packages.distinct(),
        ..ScanReport::blank(Format::Quay, "clair")
    };
    Ok(report.named_by_digest())
}

/// What the features of the image add up to.
#[derive(Default)]
struct Found {
    findings: Findings,
    packages: Packages,
    incomplete: Vec<Incomplete>,
}

impl Found {
    fn add(&mut self, feature: Feature<'_>) -> Result<(), ReportError> {
        let package = Package {
            name: field::text("Name", feature.name)?,
            version: field::text("Version", feature.version)?,
            purl: None,
            source: None,
        };
        // Left out where the question did not say vulnerabilities=true.
        if feature.vulnerabilities.is_none() {
            return Err(ReportError::field(
                "Features.Vulnerabilities",
                "is missing; ask Quay with ?vulnerabilities=true",
            ));
        }
        each("Vulnerabilities", feature.vulnerabilities, |found| {
            self.findings.push(finding(found, &package)?)
        })?;
        self.packages.push(package)
    }
}

impl Vulnerability<'_> {
    /// Clair's own word; where that says nothing, the NVD's score.
    fn rating(&self) -> Result<Option<Severity>, ReportError> {
        let rated = Severity::from_grype(&self.severity)?;
        let nvd = self.metadata.as_ref().and_then(|it| it.nvd.as_ref());
        let scores = nvd.map(|it| [&it.v3, &it.v2]);
        let scores = scores.into_iter().flatten().flatten();
        let scored = scores.filter_map(|it| rating::of_readable_score(it.score, &it.vectors));
        Ok(rated.or(scored.max()))
    }
}

fn finding(found: Vulnerability<'_>, package: &Package) -> Result<Finding, ReportError> {
    let id = field::titled_id("Name", &found.name)?;
    if found.severity.is_empty() {
        return Err(ReportError::Unrated {
            id,
            format: Format::Quay,
        });
    }
    let mut aliases = field::Aliases::new("Link", &id);
    aliases.add_within(&found.name)?;
    aliases.add_mentioned(&found.link)?;
    let (aliases, mentioned) = aliases.listed();
    Ok(Finding {
        aliases,
        mentioned,
        severity: found.rating()?,
        package: package.name.clone(),
        purl: None,
        installed: package.version.clone(),
        fixed: field::for_people(&found.fixed_by),
        severity_source: None,
        status: None,
        id,
        source: None,
    })
}
