//! Anchore Enterprise's vulnerabilities of an image (`anchorectl image vulnerabilities
//! -o json`, and its API, both versions of it).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::gather::{Few, Findings, each};
use super::{
    Finding, Format, Incomplete, ReportError, ReportSubject, ScanReport, Severity, field,
    identifiers, rating,
};
use crate::oci::printable;

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(default, rename = "imageDigest", alias = "image_digest")]
    image_digest: String,
    #[serde(default, alias = "vulnerabilityType")]
    vulnerability_type: String,
    #[serde(borrow)]
    vulnerabilities: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Vulnerability<'a> {
    #[serde(alias = "vulnerabilityId", alias = "vulnerability_id")]
    vuln: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    package: Option<String>,
    #[serde(default, alias = "packageName")]
    package_name: Option<String>,
    #[serde(default, alias = "packageVersion")]
    package_version: Option<String>,
    #[serde(default)]
    fix: Option<String>,
    #[serde(default, alias = "feedGroup")]
    feed_group: Option<String>,
    #[serde(borrow, alias = "nvdData")]
    nvd_data: Option<Few<Record<'a>>>,
    #[serde(borrow, alias = "vendorData")]
    vendor_data: Option<Few<Record<'a>>>,
    /// The vulnerabilities that an advisory mends.
    #[serde(borrow)]
    cves: Option<&'a RawValue>,
}

/// What a source says of the vulnerability.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(default)]
    id: String,
    #[serde(borrow, alias = "cvssV3")]
    cvss_v3: Option<Cvss<'a>>,
    #[serde(borrow, alias = "cvssV2")]
    cvss_v2: Option<Cvss<'a>>,
}

#[derive(Deserialize)]
struct Cvss<'a> {
    #[serde(borrow, alias = "baseScore")]
    base_score: Option<&'a RawValue>,
}

/// Reads a document that is known to be strict JSON.
pub(super) fn read(document: &str) -> Result<ScanReport, ReportError> {
    let document: Document<'_> =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    // Anchore always writes a list.
    if document.vulnerabilities.is_none() {
        return Err(ReportError::field("vulnerabilities", "is missing"));
    }
    let mut findings = Findings::default();
    each("vulnerabilities", document.vulnerabilities, |found| {
        findings.push(finding(found)?)
    })?;
    let kind = printable(&document.vulnerability_type, 32);
    let part = (kind != "all").then(|| Incomplete::Filtered(format!("only of type {kind:?}")));
    let report = ScanReport {
        subject: ReportSubject {
            manifests: field::digest("imageDigest", &document.image_digest)?
                .into_iter()
                .collect(),
            ..ReportSubject::default()
        },
        incomplete: part.into_iter().collect(),
        findings: findings.distinct(),
        ..ScanReport::blank(Format::Anchore, "anchore")
    };
    Ok(report.named_by_digest())
}

fn finding(found: Vulnerability<'_>) -> Result<Finding, ReportError> {
    let id = field::id("vuln", found.vuln.clone())?;
    let severity = found.rating(&id)?;
    let others: Vec<String> = found.records().map(|record| record.id.clone()).collect();
    let others = others.into_iter().filter(|id| !id.trim().is_empty());
    let mended = identifiers::in_text(found.cves.map_or("", RawValue::get));
    Ok(Finding {
        aliases: field::aliases("nvd_data", &id, others.chain(mended))?,
        mentioned: Vec::new(),
        id,
        package: field::text(
            "package_name",
            found.package_name.or(found.package).unwrap_or_default(),
        )?,
        purl: None,
        installed: field::text("package_version", found.package_version.unwrap_or_default())?,
        fixed: field::for_people(&found.fix.unwrap_or_default()).filter(|fix| fix != "None"),
        severity,
        severity_source: field::for_people(&found.feed_group.unwrap_or_default()),
        status: None,
        source: None,
    })
}

impl<'a> Vulnerability<'a> {
    fn records(&self) -> impl Iterator<Item = &Record<'a>> {
        let lists = [&self.nvd_data, &self.vendor_data];
        lists.into_iter().flatten().flat_map(|few| &few.0)
    }

    /// Its word; where that says nothing, the gravest of its scores.
    fn rating(&self, id: &str) -> Result<Option<Severity>, ReportError> {
        if self.severity.is_empty() {
            return Err(ReportError::Unrated {
                id: id.to_owned(),
                format: Format::Anchore,
            });
        }
        let mut rated = Severity::from_grype(&self.severity)?;
        if rated.is_some() {
            return Ok(rated);
        }
        for record in self.records() {
            for cvss in [&record.cvss_v3, &record.cvss_v2].into_iter().flatten() {
                rated = rated.max(rating::of_score("base_score", cvss.base_score)?);
            }
        }
        Ok(rated)
    }
}
