//! Grype JSON (`grype -o json`), with a database of schema 5 or 6.
//!
//! Grype lists what it was told to ignore beside the matches: it counts.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::gather::{Few, Findings, MAX_FINDINGS, Packages, each};
use super::grype_filters::Configuration;
use super::{
    Finding, Format, Incomplete, Package, ReportError, ReportSubject, ScanReport, Severity,
    SourcePackage, Tool, error, field, rating,
};
use crate::oci::printable;

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    matches: Option<&'a RawValue>,
    #[serde(borrow, rename = "ignoredMatches")]
    ignored: Option<&'a RawValue>,
    #[serde(borrow)]
    source: Option<Source<'a>>,
    distro: Option<Distro>,
    /// One entry for each package of a distribution that it warns of.
    #[serde(rename = "alertsByPackage")]
    alerts: Option<Few<PackageAlerts, MAX_FINDINGS>>,
    #[serde(borrow)]
    descriptor: Descriptor<'a>,
}

/// What Grype warns of, since 0.105.
#[derive(Deserialize)]
struct PackageAlerts {
    alerts: Option<Few<Alert>>,
}

#[derive(Deserialize)]
struct Alert {
    r#type: String,
}

#[derive(Deserialize)]
struct Source<'a> {
    r#type: String,
    /// An object for images; a string for directories and files.
    #[serde(borrow)]
    target: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Image {
    #[serde(default)]
    user_input: String,
    #[serde(default, rename = "imageID")]
    image_id: String,
    #[serde(default)]
    manifest_digest: String,
    repo_digests: Option<Few<String>>,
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    architecture_variant: String,
}

#[derive(Deserialize)]
struct Distro {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Descriptor<'a> {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    configuration: Option<Configuration>,
    #[serde(borrow)]
    db: Option<Database<'a>>,
}

/// Since schema 6 the state lies under `status`; before, beside it.
#[derive(Deserialize)]
struct Database<'a> {
    #[serde(borrow)]
    status: Option<DatabaseStatus<'a>>,
    #[serde(borrow)]
    built: Option<&'a RawValue>,
    valid: Option<bool>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// The state of a database, as reports and `grype db status` write it.
#[derive(Clone, Copy, Deserialize)]
pub(super) struct DatabaseStatus<'a> {
    #[serde(borrow)]
    pub(super) built: Option<&'a RawValue>,
    pub(super) valid: Option<bool>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Match<'a> {
    #[serde(borrow)]
    vulnerability: Vulnerability<'a>,
    #[serde(borrow)]
    related_vulnerabilities: Option<Few<Related<'a>>>,
    artifact: Artifact,
}

#[derive(Deserialize)]
struct Vulnerability<'a> {
    id: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    severity: String,
    fix: Option<Fix>,
    #[serde(borrow)]
    cvss: Option<Few<Cvss<'a>>>,
}

#[derive(Deserialize)]
struct Cvss<'a> {
    #[serde(default)]
    vector: String,
    #[serde(borrow)]
    metrics: Option<CvssMetrics<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CvssMetrics<'a> {
    #[serde(borrow)]
    base_score: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Fix {
    versions: Option<Few<String>>,
    #[serde(default)]
    state: String,
}

#[derive(Deserialize)]
struct Related<'a> {
    id: String,
    #[serde(default)]
    severity: String,
    #[serde(borrow)]
    cvss: Option<Few<Cvss<'a>>>,
}

#[derive(Deserialize)]
struct Artifact {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    purl: String,
    /// What it was built from; a distribution's package has one source.
    upstreams: Option<Few<Upstream>>,
}

#[derive(Deserialize)]
struct Upstream {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
}

/// Reads a document that is known to be strict JSON.
pub(super) fn read(document: &str) -> Result<ScanReport, ReportError> {
    let document: Document<'_> =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    document.descriptor.check_tool()?;
    if document.matches.is_none() {
        return Err(ReportError::field(
            "matches",
            "is no list, and Grype writes one always; hand the report in as Grype wrote it",
        ));
    }
    let subject = subject(document.source.as_ref())?;
    let mut findings = Findings::default();
    let mut packages = Packages::default();
    for (name, list, suppressed) in [
        ("matches", document.matches, false),
        ("ignoredMatches", document.ignored, true),
    ] {
        each(name, list, |found: Match<'_>| {
            let finding = finding(found, suppressed)?;
            packages.push(matched(&finding))?;
            findings.push(finding)
        })?;
    }
    Ok(ScanReport {
        format: Format::Grype,
        tool: document.descriptor.tool(),
        subject,
        scanned_at: field::time("descriptor.timestamp", document.descriptor.timestamp)?,
        database_at: document.descriptor.database_at()?,
        incomplete: document.incomplete(&findings),
        end_of_life: document.alerts().any(|alert| alert == END_OF_LIFE),
        malware: 0,
        secrets: 0,
        findings: findings.distinct(),
        packages: packages.distinct(),
    })
}

/// The alert on packages of a distribution that no longer receives advisories.
const END_OF_LIFE: &str = "distro-eol";

impl Document<'_> {
    fn alerts(&self) -> impl Iterator<Item = &str> {
        let packages = self.alerts.iter().flat_map(|list| &list.0);
        let alerts = packages.flat_map(|package| package.alerts.iter().flat_map(|it| &it.0));
        alerts.map(|alert| &*alert.r#type)
    }

    fn incomplete(&self, findings: &Findings) -> Vec<Incomplete> {
        let configuration = self.descriptor.configuration.iter();
        let filters = configuration.flat_map(Configuration::filters);
        let mut causes: Vec<_> = filters.map(Incomplete::Filtered).collect();
        match self.descriptor.database() {
            Some(database) if database.is_invalid() => causes.push(Incomplete::DatabaseInvalid),
            Some(_) => {}
            None => causes.push(Incomplete::Unproven("it names no database".to_owned())),
        }
        let unread = self.alerts().find(|alert| *alert != END_OF_LIFE);
        causes.extend(unread.map(|alert| {
            let alert = printable(alert, 64);
            Incomplete::Filtered(format!("packages were not looked up ({alert})"))
        }));
        let named = |distro: &Distro| !distro.name.is_empty();
        if findings.is_empty() && !self.distro.as_ref().is_some_and(named) {
            causes.push(Incomplete::NothingRecognised);
        }
        causes
    }
}

impl Descriptor<'_> {
    fn check_tool(&self) -> Result<(), ReportError> {
        match &*self.name {
            "grype" => Ok(()),
            _ => Err(ReportError::field("descriptor.name", "is not grype")),
        }
    }

    fn tool(&self) -> Tool {
        Tool {
            name: "grype".to_owned(),
            version: Some(printable(&self.version, 64)).filter(|version| !version.is_empty()),
        }
    }

    /// A database that was loaded says when it was built.
    fn database(&self) -> Option<DatabaseStatus<'_>> {
        let database = self.db.as_ref()?;
        if database.status.is_none() && database.built.is_none() {
            return None;
        }
        let older = DatabaseStatus {
            built: database.built,
            // Not said before schema 6.
            valid: database.valid.or(Some(true)),
            error: database.error,
        };
        Some(database.status.unwrap_or(older))
    }

    fn database_at(&self) -> Result<Option<jiff::Timestamp>, ReportError> {
        let built = self.database().and_then(|database| database.built);
        field::time("descriptor.db.built", built)
    }
}

impl DatabaseStatus<'_> {
    pub(super) fn is_invalid(self) -> bool {
        let said = |error: &&RawValue| error.get() != "\"\"";
        self.valid != Some(true) || self.error.as_ref().is_some_and(said)
    }
}

fn subject(source: Option<&Source<'_>>) -> Result<ReportSubject, ReportError> {
    let source = source.ok_or_else(|| ReportError::NotAnImage("nothing it names".to_owned()))?;
    let target = source.target.map_or("null", RawValue::get);
    match &*source.r#type {
        "image" if target.starts_with('{') => {}
        "image" => {
            return Err(ReportError::NotAnImage(
                "an image it does not describe".to_owned(),
            ));
        }
        other => {
            return Err(ReportError::NotAnImage(format!(
                "a {}",
                printable(other, 32)
            )));
        }
    }
    let image: Image = serde_json::from_str(target)
        .map_err(|error| ReportError::field("source.target", error::problem(&error)))?;
    image.subject()
}

impl Image {
    /// All digests are kept: of a registry's image the manifest's own and that of
    /// the index it came from; of a Docker daemon's, one that Grype made up.
    fn subject(self) -> Result<ReportSubject, ReportError> {
        let repo_digests = self.repo_digests.unwrap_or_default().0;
        let repo_digests = repo_digests.iter().map(|text| field::repo_digest(text));
        let own = std::iter::once(&*self.manifest_digest);
        let mut manifests = field::digests("manifestDigest, repoDigests", own.chain(repo_digests))?;
        manifests.sort_unstable();
        manifests.dedup();
        Ok(ReportSubject {
            manifests,
            image_id: field::digest("imageID", &self.image_id)?,
            platform: field::platform(&self.os, &self.architecture, &self.architecture_variant)?,
            name: Some(printable(&self.user_input, 512)).filter(|name| !name.is_empty()),
            ..ReportSubject::default()
        })
    }
}

/// Grype lists no other packages than those it found something in.
fn matched(finding: &Finding) -> Package {
    Package {
        name: finding.package.clone(),
        version: finding.installed.clone(),
        purl: finding.purl.clone(),
        source: finding.source.clone(),
    }
}

impl Match<'_> {
    /// Its word; where that says nothing, the gravest of its own CVSS. With neither, a
    /// word that is missing counts as the gravest, since Grype says `Unknown` of what
    /// nobody rated; and that is rated by what is said of the same vulnerability
    /// elsewhere.
    fn rating(&self) -> Result<Option<Severity>, ReportError> {
        let own = &self.vulnerability;
        let word = worded(&own.severity)?;
        let rated = match word {
            None => gravest(own.cvss.as_ref())?,
            word => word,
        };
        match rated {
            None if own.severity.is_empty() => Ok(Some(Severity::Critical)),
            None => self.rated_elsewhere(),
            rated => Ok(rated),
        }
    }

    fn rated_elsewhere(&self) -> Result<Option<Severity>, ReportError> {
        let mut elsewhere = None;
        for related in self.related_vulnerabilities.iter().flat_map(|it| &it.0) {
            let rated = worded(&related.severity)?.max(gravest(related.cvss.as_ref())?);
            elsewhere = elsewhere.max(rated);
        }
        Ok(elsewhere)
    }
}

fn worded(word: &str) -> Result<Option<Severity>, ReportError> {
    match word {
        "" => Ok(None),
        word => Ok(Severity::from_grype(word)?),
    }
}

fn gravest(listed: Option<&Few<Cvss<'_>>>) -> Result<Option<Severity>, ReportError> {
    let mut gravest = None;
    for cvss in listed.into_iter().flat_map(|list| &list.0) {
        let score = cvss.metrics.as_ref().and_then(|metrics| metrics.base_score);
        let score = rating::of_score("cvss.metrics.baseScore", score)?;
        gravest = gravest
            .max(score)
            .max(rating::of_readable_vector(&cvss.vector));
    }
    Ok(gravest)
}

fn finding(found: Match<'_>, suppressed: bool) -> Result<Finding, ReportError> {
    let severity = found.rating()?;
    let Match {
        vulnerability,
        related_vulnerabilities: related,
        artifact,
    } = found;
    let id = field::id("vulnerability.id", vulnerability.id)?;
    let related = related
        .unwrap_or_default()
        .0
        .into_iter()
        .map(|other| other.id);
    let fix = vulnerability.fix.unwrap_or_default();
    let status = match suppressed {
        true => field::suppressed(&fix.state),
        false => fix.state,
    };
    Ok(Finding {
        aliases: field::aliases("relatedVulnerabilities", &id, related)?,
        mentioned: Vec::new(),
        id,
        package: field::text("artifact.name", artifact.name)?,
        purl: field::purl("artifact.purl", artifact.purl)?,
        installed: field::text("artifact.version", artifact.version)?,
        fixed: field::for_people(&fix.versions.unwrap_or_default().0.join(", ")),
        severity,
        severity_source: field::for_people(&vulnerability.namespace),
        status: field::for_people(&status),
        source: source(artifact.upstreams)?,
    })
}

fn source(upstreams: Option<Few<Upstream>>) -> Result<Option<SourcePackage>, ReportError> {
    let mut upstreams = upstreams.unwrap_or_default().0.into_iter();
    let Some(first) = upstreams.find(|it| !it.name.is_empty()) else {
        return Ok(None);
    };
    Ok(Some(SourcePackage {
        name: field::text("upstreams.name", first.name)?,
        version: field::text("upstreams.version", first.version)?,
    }))
}
