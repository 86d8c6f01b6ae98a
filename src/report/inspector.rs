//! AWS Inspector's findings on an image in ECR: as `inspector2 list-findings` prints
//! them, and as ECR hands them out under enhanced scanning.
//!
//! A list of findings says of no scan that it ended, so by itself it can only deny.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::counted::Tally;
use super::gather::{Few, Findings, each};
use super::{
    Finding, Format, Incomplete, ReportError, ReportSubject, ScanReport, Severity, field, rating,
};
use crate::oci::{Digest, printable};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(borrow)]
    findings: &'a RawValue,
    #[serde(borrow)]
    next_token: Option<&'a RawValue>,
}

/// What only Inspector writes in every finding.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mark {
    #[serde(rename = "findingArn")]
    _arn: String,
    #[serde(rename = "awsAccountId")]
    _account: String,
}

/// One vulnerability, in all the packages that it affects.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InspectorFinding<'a> {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    status: String,
    #[serde(borrow, alias = "score")]
    inspector_score: Option<&'a RawValue>,
    #[serde(borrow)]
    package_vulnerability_details: Option<Details<'a>>,
    resources: Option<Few<Resource>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    vulnerability_id: String,
    related_vulnerabilities: Option<Few<String>>,
    vulnerable_packages: Option<Few<VulnerablePackage>>,
    #[serde(borrow)]
    cvss: Option<Few<Cvss<'a>>>,
    #[serde(default)]
    source: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cvss<'a> {
    #[serde(borrow)]
    base_score: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct VulnerablePackage {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    release: String,
    #[serde(default)]
    epoch: u64,
    #[serde(default)]
    fixed_in_version: String,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    details: ResourceDetails,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceDetails {
    aws_ecr_container_image: Option<EcrImage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EcrImage {
    image_hash: String,
    #[serde(default)]
    repository_name: String,
}

/// Whether a document with a list of findings is Inspector's.
pub(super) fn format(document: &str) -> Result<Format, ReportError> {
    let refused = |hint| Err(ReportError::Unrecognised { hint });
    let Ok(document) = serde_json::from_str::<Document<'_>>(document) else {
        return refused("");
    };
    let mut findings = 0;
    let marked = each("findings", Some(document.findings), |_: Mark| {
        findings += 1;
        Ok(())
    });
    match marked {
        Ok(()) if findings > 0 => Ok(Format::Inspector),
        Ok(()) => refused("; a list of no findings names no image, and no scan that ended"),
        Err(_) => refused(""),
    }
}

/// Reads a document that is known to be strict JSON.
pub(super) fn read(document: &str) -> Result<ScanReport, ReportError> {
    let document: Document<'_> =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    let mut listed = Listed::default();
    each("findings", Some(document.findings), |found| {
        listed.add(found)
    })?;
    let unproven = "it is a list of findings".to_owned();
    let mut incomplete = vec![Incomplete::Unproven(unproven)];
    incomplete.extend(paged(document.next_token));
    let report = ScanReport {
        subject: ReportSubject {
            manifests: listed.image.into_iter().collect(),
            name: listed.name,
            ..ReportSubject::default()
        },
        incomplete,
        findings: listed.findings.distinct(),
        ..ScanReport::blank(Format::Inspector, "inspector")
    };
    Ok(report.named_by_digest())
}

/// Why one page is not all, where a token for the next is there.
pub(super) fn paged(next_token: Option<&RawValue>) -> Option<Incomplete> {
    let more = next_token.is_some_and(|token| !matches!(token.get(), "null" | "\"\""));
    more.then(|| Incomplete::Filtered("this is one page of several".to_owned()))
}

/// The findings on one image.
#[derive(Default)]
pub(super) struct Listed {
    pub(super) image: Option<Digest>,
    pub(super) name: Option<String>,
    pub(super) findings: Findings,
    /// As the list has them, one for all its packages.
    pub(super) tally: Tally,
}

impl Listed {
    pub(super) fn add(&mut self, found: InspectorFinding<'_>) -> Result<(), ReportError> {
        for resource in found.resources.as_ref().map_or(&[][..], |few| &few.0[..]) {
            self.add_image(resource)?;
        }
        let is_closed = found.status == "CLOSED";
        self.tally.add(found.rating()?);
        match is_closed {
            true => Ok(()),
            false => found.add_to(&mut self.findings),
        }
    }

    fn add_image(&mut self, resource: &Resource) -> Result<(), ReportError> {
        let Some(image) = &resource.details.aws_ecr_container_image else {
            let kind = printable(&resource.r#type, 64);
            return Err(ReportError::NotAnImage(format!("an {kind}")));
        };
        let digest = field::digest("imageHash", &image.image_hash)?;
        match (&self.image, digest) {
            (Some(first), Some(other)) if *first != other => Err(ReportError::SeveralImages {
                first: first.to_string(),
                other: other.to_string(),
            }),
            (_, digest) => {
                self.image = digest.or(self.image.take());
                self.name = Some(printable(&image.repository_name, 512));
                Ok(())
            }
        }
    }
}

impl InspectorFinding<'_> {
    fn details(&self) -> Result<&Details<'_>, ReportError> {
        self.package_vulnerability_details.as_ref().ok_or_else(|| {
            let kind = printable(&self.r#type, 64);
            let problem = format!("a finding of type {kind:?} has no package");
            ReportError::field("packageVulnerabilityDetails", problem)
        })
    }

    fn add_to(&self, findings: &mut Findings) -> Result<(), ReportError> {
        let details = self.details()?;
        let unknown = [VulnerablePackage::default()];
        let packages = match &details.vulnerable_packages {
            Some(packages) if !packages.0.is_empty() => &packages.0[..],
            Some(_) | None => &unknown,
        };
        for package in packages {
            findings.push(self.finding(details, package)?)?;
        }
        Ok(())
    }

    fn finding(
        &self,
        details: &Details<'_>,
        package: &VulnerablePackage,
    ) -> Result<Finding, ReportError> {
        let id = field::id("vulnerabilityId", details.vulnerability_id.clone())?;
        let related = details.related_vulnerabilities.as_ref();
        let related = related.map_or(Vec::new(), |few| few.0.clone());
        let suppressed = self.status == "SUPPRESSED";
        Ok(Finding {
            aliases: field::aliases("relatedVulnerabilities", &id, related)?,
            mentioned: Vec::new(),
            severity: self.rating()?,
            id,
            package: field::text("name", package.name.clone())?,
            purl: None,
            installed: field::text("version", package.installed())?,
            fixed: field::for_people(&package.fixed()),
            severity_source: field::for_people(&details.source),
            status: suppressed.then(|| field::suppressed("SUPPRESSED")),
            source: None,
        })
    }

    /// Its word; where that says nothing, the gravest of its scores.
    fn rating(&self) -> Result<Option<Severity>, ReportError> {
        let details = self.details()?;
        if self.severity.is_empty() {
            return Err(ReportError::Unrated {
                id: printable(&details.vulnerability_id, 64),
                format: Format::Inspector,
            });
        }
        let rated = Severity::from_aws(&self.severity)?;
        if rated.is_some() {
            return Ok(rated);
        }
        let mut gravest = rating::of_score("inspectorScore", self.inspector_score)?;
        for cvss in details.cvss.as_ref().map_or(&[][..], |few| &few.0[..]) {
            gravest = gravest.max(rating::of_score("cvss.baseScore", cvss.base_score)?);
        }
        Ok(gravest)
    }
}

impl VulnerablePackage {
    /// As its package manager writes it: `epoch:version-release`.
    fn installed(&self) -> String {
        let epoch = match self.epoch {
            0 => String::new(),
            epoch => format!("{epoch}:"),
        };
        let separator = if self.release.is_empty() { "" } else { "-" };
        format!("{epoch}{}{separator}{}", self.version, self.release)
    }

    fn fixed(&self) -> String {
        match &*self.fixed_in_version {
            "NotAvailable" => String::new(),
            version => version.strip_prefix("0:").unwrap_or(version).to_owned(),
        }
    }
}
