//! What Prisma Cloud's `twistcli images scan --output-file` writes (Twistlock's, before).
//!
//! What was found in compliance checks is read only where it is malware or a secret.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::counted::{Counted, Tally};
use super::gather::{Findings, Packages, each};
use super::keys::Keys;
use super::{
    Finding, Format, Incomplete, Package, ReportError, ReportSubject, ScanReport, Severity, field,
    rating,
};
use crate::oci::printable;

/// Checks of images by id and by words of their titles, since old versions write no id:
/// malware, and programs that mine coins.
const MALWARE_CHECKS: ([u64; 2], [&str; 2]) = ([422, 426], ["malware", "crypto mining"]);
/// Secrets in environment variables, and private keys in files.
const SECRET_CHECKS: ([u64; 2], [&str; 2]) = ([424, 425], ["Sensitive information", "Private key"]);

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    results: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Image<'a> {
    #[serde(default)]
    id: String,
    #[serde(default)]
    digest: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    distro: String,
    #[serde(borrow)]
    packages: Option<&'a RawValue>,
    #[serde(borrow)]
    compliances: Option<&'a RawValue>,
    #[serde(borrow)]
    vulnerabilities: Option<&'a RawValue>,
    vulnerability_distribution: Option<Distribution>,
    #[serde(borrow)]
    scan_time: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Distribution {
    critical: u64,
    high: u64,
    medium: u64,
    low: u64,
    total: u64,
}

#[derive(Deserialize)]
struct Compliance<'a> {
    /// A number, of some versions in quotes.
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    title: String,
}

impl Compliance<'_> {
    fn is_one_of(&self, (ids, words): ([u64; 2], [&str; 2])) -> bool {
        let id = self.id.map_or("", RawValue::get).trim_matches('"');
        ids.iter().any(|known| known.to_string() == id)
            || words.iter().any(|word| self.title.contains(word))
    }
}

#[derive(Deserialize)]
struct Installed {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vulnerability<'a> {
    id: String,
    #[serde(default)]
    severity: String,
    #[serde(borrow)]
    cvss: Option<&'a RawValue>,
    #[serde(default)]
    vector: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    package_name: String,
    #[serde(default)]
    package_version: String,
}

/// Whether a document with a list of results is twistcli's.
pub(super) fn format(document: &str) -> Result<Format, ReportError> {
    let other = |hint| Err(ReportError::Unrecognised { hint });
    let Ok(document) = serde_json::from_str::<Document<'_>>(document) else {
        return other("");
    };
    let (mut results, mut ours) = (0, 0);
    let walked = each("results", Some(document.results), |keys: Keys| {
        results += 1;
        ours += u64::from(keys.has_all(&["vulnerabilityDistribution", "complianceDistribution"]));
        Ok(())
    });
    match walked {
        Ok(()) if results > 0 && results == ours => Ok(Format::Prisma),
        Ok(()) | Err(_) => other("; its results are not twistcli's"),
    }
}

/// Reads a document that is known to be strict JSON.
pub(super) fn read(document: &str) -> Result<ScanReport, ReportError> {
    let document: Document<'_> =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    let mut only: Option<(String, ScanReport)> = None;
    each("results", Some(document.results), |image: Image<'_>| {
        let name = printable(&image.name, 128);
        if let Some((first, _)) = &only {
            let first = first.clone();
            return Err(ReportError::SeveralImages { first, other: name });
        }
        only = Some((name, image.report()?));
        Ok(())
    })?;
    let (_, report) = only.ok_or_else(|| ReportError::field("results", "the list is empty"))?;
    Ok(report)
}

impl Image<'_> {
    fn report(self) -> Result<ScanReport, ReportError> {
        let mut findings = Findings::default();
        let mut packages = Packages::default();
        let mut tally = Tally::default();
        each("vulnerabilities", self.vulnerabilities, |found| {
            let finding = finding(found)?;
            tally.add(finding.severity);
            findings.push(finding)
        })?;
        each("packages", self.packages, |installed: Installed| {
            packages.push(installed.package()?)
        })?;
        let [malware, secrets] = self.checks()?;
        let mut incomplete: Vec<_> = match self.vulnerability_distribution {
            Some(counted) => counted.counted().shortfall(tally).into_iter().collect(),
            None => vec![Incomplete::Unproven("it counts nothing".to_owned())],
        };
        if self.distro.is_empty() && packages.is_empty() {
            incomplete.push(Incomplete::NothingRecognised);
        }
        let report = ScanReport {
            subject: ReportSubject {
                manifests: field::digest("digest", field::repo_digest(&self.digest))?
                    .into_iter()
                    .collect(),
                image_id: field::digest("id", &self.id)?,
                name: Some(printable(&self.name, 512)).filter(|name| !name.is_empty()),
                ..ReportSubject::default()
            },
            scanned_at: field::time("scanTime", self.scan_time)?,
            incomplete,
            malware,
            secrets,
            findings: findings.distinct(),
            packages: packages.distinct(),
            ..ScanReport::blank(Format::Prisma, "prisma")
        };
        Ok(report.named_by_digest())
    }

    fn checks(&self) -> Result<[u64; 2], ReportError> {
        let mut found = [0, 0];
        each("compliances", self.compliances, |check: Compliance<'_>| {
            found[0] += u64::from(check.is_one_of(MALWARE_CHECKS));
            found[1] += u64::from(check.is_one_of(SECRET_CHECKS));
            Ok(())
        })?;
        Ok(found)
    }
}

impl Distribution {
    /// What a distribution has not rated yet, Prisma counts as low; here a score may rate it.
    fn counted(&self) -> Counted {
        Counted {
            critical: self.critical,
            high: self.high,
            medium: self.medium,
            low: 0,
            total: self.total.max(self.low),
        }
    }
}

impl Installed {
    fn package(self) -> Result<Package, ReportError> {
        Ok(Package {
            name: field::text("name", self.name)?,
            version: field::text("version", self.version)?,
            purl: None,
            source: None,
        })
    }
}

fn finding(found: Vulnerability<'_>) -> Result<Finding, ReportError> {
    let id = field::id("id", found.id.clone())?;
    Ok(Finding {
        aliases: field::aliases("id", &id, [])?,
        mentioned: Vec::new(),
        severity: found.rating(&id)?,
        id,
        package: field::text("packageName", found.package_name)?,
        purl: None,
        installed: field::text("packageVersion", found.package_version)?,
        fixed: field::for_people(found.status.strip_prefix("fixed in ").unwrap_or("")),
        severity_source: None,
        status: field::for_people(&found.status),
        source: None,
    })
}

impl Vulnerability<'_> {
    /// Its word, which may be a distribution's; where that says nothing, its CVSS.
    fn rating(&self, id: &str) -> Result<Option<Severity>, ReportError> {
        match &*self.severity {
            "" => Err(ReportError::Unrated {
                id: id.to_owned(),
                format: Format::Prisma,
            }),
            "unassigned" | "not yet assigned" | "untriaged" | "end-of-life" | "unknown" => {
                let score = rating::of_score("cvss", self.cvss)?;
                Ok(score.max(rating::of_vector("vector", &self.vector)?))
            }
            word => Ok(Severity::from_any_case(word)?),
        }
    }
}
