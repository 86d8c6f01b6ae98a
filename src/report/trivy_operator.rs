//! trivy-operator's VulnerabilityReport, as `kubectl get -o json` prints it: one, or a
//! list of those on one image, which several workloads may run.
//!
//! What the operator was told to leave out (`ignoreUnfixed`, `severity`) it does not say.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::counted::{Counted, Tally};
use super::gather::{Findings, each};
use super::{
    Finding, Format, Incomplete, ReportError, ReportSubject, ScanReport, Severity, Tool, error,
    field, rating,
};
use crate::oci::{Digest, printable};

const GROUP: &str = "aquasecurity.github.io/";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource<'a> {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(borrow)]
    report: Option<&'a RawValue>,
    #[serde(borrow)]
    items: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    #[serde(default)]
    artifact: Artifact,
    #[serde(default)]
    os: OperatingSystem,
    scanner: Option<Scanner>,
    summary: Option<Summary>,
    #[serde(borrow)]
    update_timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    vulnerabilities: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Artifact {
    #[serde(default)]
    repository: String,
    #[serde(default)]
    tag: String,
    #[serde(default)]
    digest: String,
}

#[derive(Default, Deserialize)]
struct OperatingSystem {
    #[serde(default)]
    family: String,
    #[serde(default)]
    eosl: bool,
}

#[derive(Deserialize)]
struct Scanner {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    critical_count: u64,
    high_count: u64,
    medium_count: u64,
    low_count: u64,
    #[serde(default)]
    unknown_count: u64,
    #[serde(default)]
    none_count: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vulnerability<'a> {
    #[serde(rename = "vulnerabilityID")]
    id: String,
    #[serde(default)]
    resource: String,
    #[serde(default)]
    installed_version: String,
    #[serde(default)]
    fixed_version: String,
    #[serde(default)]
    severity: String,
    #[serde(borrow)]
    score: Option<&'a RawValue>,
    #[serde(default, rename = "packagePURL")]
    purl: String,
}

/// Whether a Kubernetes object is such a report, or a list of them.
pub(super) fn format(document: &str) -> Result<Format, ReportError> {
    let other = || ReportError::Unrecognised {
        hint: "; this looks like an object of Kubernetes, but it is no VulnerabilityReport",
    };
    let resource: Resource<'_> = serde_json::from_str(document).map_err(|_| other())?;
    let mut reports = 0;
    let walked = resource.each_report(&mut |_| {
        reports += 1;
        Ok(())
    });
    match walked {
        Ok(()) if reports > 0 => Ok(Format::TrivyOperator),
        // Another report of the operator is worth saying which.
        Err(error) if resource.api_version.starts_with(GROUP) => Err(error),
        Ok(()) | Err(_) => Err(other()),
    }
}

/// Reads a document that is known to be strict JSON.
pub(super) fn read(document: &str) -> Result<ScanReport, ReportError> {
    let resource: Resource<'_> =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    let mut scanned = Scanned::default();
    resource.each_report(&mut |report| {
        let report: Report<'_> = serde_json::from_str(report.get())
            .map_err(|error| ReportError::field("report", error::problem(&error)))?;
        scanned.add(report)
    })?;
    scanned.report()
}

impl<'a> Resource<'a> {
    fn each_report(
        &self,
        take: &mut dyn FnMut(&'a RawValue) -> Result<(), ReportError>,
    ) -> Result<(), ReportError> {
        match self.items {
            None => take(self.only_report()?),
            Some(items) => each("items", Some(items), |item: Resource<'a>| {
                take(item.only_report()?)
            }),
        }
    }

    fn only_report(&self) -> Result<&'a RawValue, ReportError> {
        let is_report = matches!(
            &*self.kind,
            "VulnerabilityReport" | "ClusterVulnerabilityReport"
        );
        match self.report {
            Some(report) if is_report && self.api_version.starts_with(GROUP) => Ok(report),
            Some(_) | None => {
                let kind = printable(&self.kind, 64);
                let problem = format!("a {kind:?} is no VulnerabilityReport of trivy-operator");
                Err(ReportError::field("kind", problem))
            }
        }
    }
}

/// What the reports on one image add up to.
#[derive(Default)]
struct Scanned {
    subject: Option<(Option<Digest>, ReportSubject)>,
    tool: Option<Tool>,
    /// Of the oldest.
    scanned_at: Option<Timestamp>,
    end_of_life: bool,
    recognised: bool,
    incomplete: Vec<Incomplete>,
    findings: Findings,
}

impl Scanned {
    fn add(&mut self, report: Report<'_>) -> Result<(), ReportError> {
        self.add_subject(&report.artifact)?;
        let at = field::time("updateTimestamp", report.update_timestamp)?
            .ok_or_else(|| ReportError::field("updateTimestamp", "is missing"))?;
        self.scanned_at = Some(self.scanned_at.map_or(at, |first| first.min(at)));
        self.end_of_life |= report.os.eosl;
        self.recognised |= !matches!(&*report.os.family, "" | "none");
        self.tool = self.tool.take().or(report.scanner.and_then(Scanner::tool));
        let mut tally = Tally::default();
        each("vulnerabilities", report.vulnerabilities, |found| {
            let finding = finding(found)?;
            tally.add(finding.severity);
            self.findings.push(finding)
        })?;
        self.incomplete.extend(match report.summary {
            Some(summary) => summary.counted().shortfall(tally),
            None => Some(Incomplete::Unproven("it has no summary".to_owned())),
        });
        Ok(())
    }

    fn add_subject(&mut self, artifact: &Artifact) -> Result<(), ReportError> {
        let digest = field::digest("artifact.digest", &artifact.digest)?;
        let Some((first, subject)) = &self.subject else {
            let subject = ReportSubject {
                manifests: digest.iter().cloned().collect(),
                name: artifact.name(),
                ..ReportSubject::default()
            };
            self.subject = Some((digest, subject));
            return Ok(());
        };
        match first == &digest && (digest.is_some() || subject.name == artifact.name()) {
            true => Ok(()),
            false => Err(ReportError::SeveralImages {
                first: subject.name.clone().unwrap_or_default(),
                other: artifact.name().unwrap_or_default(),
            }),
        }
    }

    fn report(mut self) -> Result<ScanReport, ReportError> {
        let empty = || ReportError::field("items", "the list is empty");
        let (_, subject) = self.subject.ok_or_else(empty)?;
        if !self.recognised && self.findings.is_empty() {
            self.incomplete.push(Incomplete::NothingRecognised);
        }
        let report = ScanReport {
            subject,
            scanned_at: self.scanned_at,
            end_of_life: self.end_of_life,
            incomplete: self.incomplete,
            findings: self.findings.distinct(),
            ..ScanReport::blank(Format::TrivyOperator, "trivy")
        };
        let tool = self.tool.unwrap_or_else(|| report.tool.clone());
        Ok(ScanReport { tool, ..report }.named_by_digest())
    }
}

impl Artifact {
    fn name(&self) -> Option<String> {
        let separator = if self.tag.is_empty() { "" } else { ":" };
        let name = format!("{}{separator}{}", self.repository, self.tag);
        Some(printable(&name, 512)).filter(|name| !name.is_empty())
    }
}

impl Scanner {
    fn tool(self) -> Option<Tool> {
        (!self.name.is_empty()).then(|| Tool {
            name: printable(&self.name, 64).to_ascii_lowercase(),
            version: Some(printable(&self.version, 64)).filter(|version| !version.is_empty()),
        })
    }
}

impl Summary {
    fn counted(&self) -> Counted {
        let rated = [
            self.critical_count,
            self.high_count,
            self.medium_count,
            self.low_count,
        ];
        let all = rated
            .into_iter()
            .chain([self.unknown_count, self.none_count]);
        Counted {
            critical: self.critical_count,
            high: self.high_count,
            medium: self.medium_count,
            low: self.low_count,
            total: all.fold(0, u64::saturating_add),
        }
    }
}

fn finding(found: Vulnerability<'_>) -> Result<Finding, ReportError> {
    let id = field::id("vulnerabilityID", found.id)?;
    if found.severity.is_empty() {
        return Err(ReportError::Unrated {
            id,
            format: Format::TrivyOperator,
        });
    }
    let severity = match Severity::from_trivy(&found.severity)? {
        None => rating::of_score("score", found.score)?,
        rated => rated,
    };
    Ok(Finding {
        aliases: field::aliases("vulnerabilityID", &id, [])?,
        mentioned: Vec::new(),
        id,
        package: field::text("resource", found.resource)?,
        purl: field::purl("packagePURL", found.purl)?,
        installed: field::text("installedVersion", found.installed_version)?,
        fixed: field::for_people(&found.fixed_version),
        severity,
        severity_source: None,
        status: None,
        source: None,
    })
}
