//! The report of Harbor's pluggable scanners, versions 1.0 to 1.2: bare, or under
//! its MIME type as Harbor's API hands it out.
//!
//! Its date is the report's, its digest the artifact's. Harbor itself lets an
//! unrated finding pass; here policy says what it counts as.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::gather::{Few, Findings, each};
use super::keys::Keys;
use super::{
    Finding, Format, Incomplete, ReportError, ReportSubject, ScanReport, Severity, Tool, error,
    field, rating,
};
use crate::oci::{Digest, printable};

/// The keys under which a report may lie.
pub(super) const MIME_TYPES: [&str; 3] = [
    "application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0",
    "application/vnd.security.vulnerability.report; version=1.1",
    "application/vnd.security.vulnerability.report; version=1.2",
];

#[derive(Deserialize)]
struct ByType<'a> {
    #[serde(
        borrow,
        rename = "application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0"
    )]
    first: Option<&'a RawValue>,
    #[serde(
        borrow,
        rename = "application/vnd.security.vulnerability.report; version=1.1"
    )]
    second: Option<&'a RawValue>,
    #[serde(
        borrow,
        rename = "application/vnd.security.vulnerability.report; version=1.2"
    )]
    third: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    generated_at: Option<&'a RawValue>,
    artifact: Option<Artifact>,
    scanner: Scanner,
    /// That of the gravest finding; `None` where there is none.
    #[serde(default)]
    severity: String,
    #[serde(borrow)]
    vulnerabilities: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Artifact {
    #[serde(default)]
    repository: String,
    #[serde(default)]
    digest: String,
    #[serde(default)]
    tag: String,
}

#[derive(Deserialize)]
struct Scanner {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
struct Vulnerability<'a> {
    id: String,
    #[serde(default)]
    package: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    fix_version: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    severity: String,
    artifact_digests: Option<Few<String>>,
    links: Option<Few<String>>,
    #[serde(borrow)]
    preferred_cvss: Option<Cvss<'a>>,
}

#[derive(Deserialize)]
struct Cvss<'a> {
    #[serde(borrow)]
    score_v3: Option<&'a RawValue>,
    #[serde(borrow)]
    score_v2: Option<&'a RawValue>,
    #[serde(default)]
    vector_v3: String,
    #[serde(default)]
    vector_v2: String,
}

/// Reads a document that is known to be strict JSON.
pub(super) fn read(document: &str) -> Result<ScanReport, ReportError> {
    let unwrapped = unwrapped(document)?;
    let is_bare = unwrapped.len() == document.len();
    let document: Document<'_> = serde_json::from_str(unwrapped)
        .map_err(|error| ReportError::field("report", error::problem(&error)))?;
    let mut findings = Findings::default();
    let mut about = About::default();
    let artifact = document.artifact.as_ref();
    about.add(artifact.map_or("", |artifact| &artifact.digest))?;
    let mut gravest = None;
    each("vulnerabilities", document.vulnerabilities, |found| {
        let found: Vulnerability<'_> = found;
        about.add_all(found.artifact_digests.as_ref())?;
        let finding = finding(found)?;
        gravest = gravest.max(finding.severity);
        findings.push(finding)
    })?;
    Ok(ScanReport {
        format: Format::Harbor,
        tool: document.scanner.tool()?,
        scanned_at: field::time("generated_at", document.generated_at)?,
        // Only the adapter's metadata date it.
        database_at: None,
        incomplete: document.incomplete(gravest, is_bare)?,
        end_of_life: false,
        malware: 0,
        secrets: 0,
        subject: ReportSubject {
            manifests: about.digest.into_iter().collect(),
            name: artifact.and_then(Artifact::name),
            ..ReportSubject::default()
        },
        findings: findings.distinct(),
        packages: Vec::new(),
    })
}

/// The report itself, out of a map by MIME type. A map may hold other documents
/// of the artifact, but one report.
fn unwrapped(document: &str) -> Result<&str, ReportError> {
    let is_map = |keys: &Keys| MIME_TYPES.iter().any(|key| keys.has(key));
    match Keys::of(document).filter(is_map) {
        None => return Ok(document),
        Some(keys) if keys.has("vulnerabilities") => return Err(several()),
        Some(_) => {}
    }
    let reports: ByType<'_> =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    let mut reports = [reports.first, reports.second, reports.third]
        .into_iter()
        .flatten();
    match (reports.next(), reports.next()) {
        (Some(only), None) => Ok(only.get()),
        (Some(_), Some(_)) => Err(several()),
        (None, _) => Err(ReportError::field("report", "there is none in it yet")),
    }
}

fn several() -> ReportError {
    ReportError::field("report", "there are several in the document")
}

impl Document<'_> {
    fn incomplete(
        &self,
        gravest: Option<Severity>,
        is_bare: bool,
    ) -> Result<Vec<Incomplete>, ReportError> {
        let withheld = self.withheld(gravest)?;
        let unproven = self.unproven(is_bare).map(str::to_owned);
        let causes = withheld.into_iter();
        Ok(causes.chain(unproven.map(Incomplete::Unproven)).collect())
    }

    /// What is missing of a report that came to its end. Harbor's API hands one out under
    /// its type; a scanner says what it looked at. Anything may have three such keys.
    fn unproven(&self, is_bare: bool) -> Option<&'static str> {
        let artifact = self.artifact.as_ref();
        let named = artifact.is_some_and(|artifact| !artifact.digest.is_empty());
        if is_bare && !named {
            return Some("it names no artifact, and does not lie under its type");
        }
        if field::time("generated_at", self.generated_at)
            .ok()
            .flatten()
            .is_none()
        {
            return Some("it has no generated_at");
        }
        match (self.vulnerabilities.map(RawValue::get), &*self.severity) {
            (None, "None") | (Some("[]"), _) => None,
            (None, _) => Some("it lists no vulnerabilities and does not say that there are none"),
            (Some(_), "") => Some("it does not say how severe what it lists is"),
            (Some(_), _) => None,
        }
    }

    /// Why findings are missing: the report as a whole is rated graver than anything
    /// that it lists.
    fn withheld(&self, gravest: Option<Severity>) -> Result<Option<Incomplete>, ReportError> {
        let stated = match &*self.severity {
            "" | "None" => None,
            word => Severity::from_grype(word)?,
        };
        let missing = stated.filter(|stated| Some(*stated) > gravest);
        Ok(missing.map(|stated| {
            Incomplete::Filtered(format!(
                "the report rates the image {stated}, and lists nothing that is"
            ))
        }))
    }
}

/// The one artifact that a report is about.
#[derive(Default)]
struct About {
    digest: Option<Digest>,
}

impl About {
    fn add(&mut self, text: &str) -> Result<(), ReportError> {
        let Some(digest) = field::digest("artifact.digest", text)? else {
            return Ok(());
        };
        match self.digest.get_or_insert_with(|| digest.clone()) {
            first if *first == digest => Ok(()),
            first => Err(ReportError::SeveralImages {
                first: first.to_string(),
                other: digest.to_string(),
            }),
        }
    }

    /// Harbor notes with each finding the artifacts that it was found in.
    fn add_all(&mut self, digests: Option<&Few<String>>) -> Result<(), ReportError> {
        let mut digests = digests.into_iter().flat_map(|list| &list.0);
        digests.try_for_each(|digest| self.add(digest))
    }
}

impl Artifact {
    fn name(&self) -> Option<String> {
        let name = match &*self.tag {
            "" => self.repository.clone(),
            tag => format!("{}:{tag}", self.repository),
        };
        Some(printable(&name, 512)).filter(|name| !name.is_empty())
    }
}

impl Scanner {
    /// In lower case: Harbor's `Trivy` is the scanner that calls itself `trivy`.
    fn tool(&self) -> Result<Tool, ReportError> {
        if self.name.is_empty() {
            return Err(ReportError::field("scanner.name", "is empty"));
        }
        Ok(Tool {
            name: printable(&self.name, 64).to_ascii_lowercase(),
            version: Some(printable(&self.version, 64)).filter(|version| !version.is_empty()),
        })
    }
}

impl Vulnerability<'_> {
    /// Its word; where that says nothing, the gravest of its CVSS.
    fn rating(&self) -> Result<Option<Severity>, ReportError> {
        if self.severity.is_empty() {
            return Err(ReportError::Unrated {
                id: printable(&self.id, 64),
                format: Format::Harbor,
            });
        }
        match (Severity::from_grype(&self.severity)?, &self.preferred_cvss) {
            (None, Some(cvss)) => cvss.severity(),
            (rated, _) => Ok(rated),
        }
    }
}

impl Cvss<'_> {
    fn severity(&self) -> Result<Option<Severity>, ReportError> {
        const FIELD: &str = "preferred_cvss";
        let scores =
            rating::of_score(FIELD, self.score_v3)?.max(rating::of_score(FIELD, self.score_v2)?);
        let vectors = rating::of_readable_vector(&self.vector_v3)
            .max(rating::of_readable_vector(&self.vector_v2));
        Ok(scores.max(vectors))
    }
}

fn finding(found: Vulnerability<'_>) -> Result<Finding, ReportError> {
    let severity = found.rating()?;
    let id = field::id("id", found.id)?;
    let links = found.links.unwrap_or_default().0;
    let mut aliases = field::Aliases::naming("links", &id, [])?;
    links.iter().try_for_each(|it| aliases.add_mentioned(it))?;
    let (aliases, mentioned) = aliases.listed();
    Ok(Finding {
        aliases,
        mentioned,
        id,
        package: field::text("package", found.package)?,
        purl: None,
        installed: field::text("version", found.version)?,
        fixed: field::for_people(&found.fix_version),
        severity,
        severity_source: None,
        status: field::for_people(&found.status),
        source: None,
    })
}
