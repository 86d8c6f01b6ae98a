//! Clair v4: the vulnerability report of its matcher, as `clairctl report -o json` and
//! its API print it. It is a set of tables that refer to each other by id.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::gather::{Few, Findings, MAX_FINDINGS, Packages};
use super::table::Table;
use super::{
    Finding, Format, Incomplete, Package, ReportError, ReportSubject, ScanReport, Severity,
    SourcePackage, field, rating,
};

/// The keys that only Clair's report has.
pub(super) const KEYS: [&str; 2] = ["manifest_hash", "package_vulnerabilities"];

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(default)]
    manifest_hash: String,
    packages: Option<Table<ClairPackage>>,
    #[serde(borrow)]
    vulnerabilities: Option<Table<Vulnerability<'a>>>,
    /// Headers of a kernel have thousands.
    package_vulnerabilities: Option<Table<Few<String, MAX_FINDINGS>>>,
    /// By the media type of what each of Clair's enrichers adds.
    #[serde(borrow)]
    enrichments: Option<Table<&'a RawValue>>,
}

/// Of one enricher: for each vulnerability what its sources say of it.
type Scores<'a> = Few<Option<Table<Few<Cvss<'a>>>>>;

/// As the NVD writes it (cvss-v3.x.json).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cvss<'a> {
    #[serde(borrow)]
    base_score: Option<&'a RawValue>,
    #[serde(default)]
    vector_string: String,
}

#[derive(Clone, Default, Deserialize)]
struct ClairPackage {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    source: Option<ClairSource>,
}

#[derive(Clone, Deserialize)]
struct ClairSource {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
struct Vulnerability<'a> {
    name: String,
    #[serde(default)]
    updater: String,
    #[serde(default)]
    links: String,
    #[serde(borrow)]
    severity: Option<&'a RawValue>,
    #[serde(default)]
    normalized_severity: String,
    package: Option<ClairPackage>,
    #[serde(default)]
    fixed_in_version: String,
}

/// Reads a document that is known to be strict JSON.
pub(super) fn read(document: &str) -> Result<ScanReport, ReportError> {
    let document: Document<'_> =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    let manifest = field::digest("manifest_hash", &document.manifest_hash)?;
    let findings = document.findings()?;
    let mut packages = Packages::default();
    let installed = document.packages.map(|table| table.0);
    for package in installed.unwrap_or_default().into_values() {
        packages.push(package.package()?)?;
    }
    let nothing = packages.is_empty();
    let report = ScanReport {
        subject: ReportSubject {
            manifests: manifest.into_iter().collect(),
            ..ReportSubject::default()
        },
        incomplete: Vec::from_iter(nothing.then_some(Incomplete::NothingRecognised)),
        findings: findings.distinct(),
        packages: packages.distinct(),
        ..ScanReport::blank(Format::Clair, "clair")
    };
    Ok(report.named_by_digest())
}

impl Document<'_> {
    /// Each vulnerability of each package; one that no package has counts too, in the
    /// package that it is about.
    fn findings(&self) -> Result<Findings, ReportError> {
        let missing = |field| ReportError::field(field, "is missing");
        let known = self.vulnerabilities.as_ref();
        let known = &known.ok_or_else(|| missing("vulnerabilities"))?.0;
        let of_packages = self.package_vulnerabilities.as_ref();
        let of_packages = &of_packages
            .ok_or_else(|| missing("package_vulnerabilities"))?
            .0;
        let installed = self.packages.as_ref();
        let scores = self.scores()?;
        let read_one =
            |id: &String, found: &Vulnerability<'_>| found.finding(scores.get(id).copied());
        let mut findings = Findings::default();
        let mut read = HashMap::new();
        for (package, ids) in of_packages {
            let package = installed.and_then(|table| table.0.get(package));
            for id in &ids.0 {
                let unknown = || ReportError::field("package_vulnerabilities", "names no entry");
                let found = known.get(id).ok_or_else(unknown)?;
                // Once, however many packages have it: its texts may be long.
                let finding = match read.entry(id) {
                    Entry::Occupied(read) => read.into_mut(),
                    Entry::Vacant(unread) => unread.insert(read_one(id, found)?),
                };
                findings.push(in_package(finding, package)?)?;
            }
        }
        for (id, found) in known.iter().filter(|(id, _)| !read.contains_key(id)) {
            findings.push(read_one(id, found)?)?;
        }
        Ok(findings)
    }

    /// The gravest score of each vulnerability. Other enrichers tell how probable an exploit
    /// is.
    fn scores(&self) -> Result<HashMap<String, Severity>, ReportError> {
        let mut gravest = HashMap::new();
        let all = self.enrichments.iter().flat_map(|table| &table.0);
        for (_, text) in all.filter(|(kind, _)| kind.contains("cvss")) {
            let scores: Option<Scores<'_>> =
                serde_json::from_str(text.get()).map_err(|error| ReportError::json(&error))?;
            let tables = scores.into_iter().flat_map(|few| few.0).flatten();
            for (id, told) in tables.flat_map(|table| table.0) {
                let told = told.0.iter();
                let rated = told
                    .filter_map(|it| rating::of_readable_score(it.base_score, &it.vector_string));
                let known = gravest.get(&id).copied();
                gravest.extend(rated.max().max(known).map(|it| (id, it)));
            }
        }
        Ok(gravest)
    }
}

/// A finding as it is in the package that has it, where the report has that.
fn in_package(finding: &Finding, has: Option<&ClairPackage>) -> Result<Finding, ReportError> {
    let Some(has) = has else {
        return Ok(finding.clone());
    };
    let has = has.clone().package()?;
    Ok(Finding {
        package: has.name,
        installed: has.version,
        source: has.source,
        ..finding.clone()
    })
}

impl ClairPackage {
    fn package(self) -> Result<Package, ReportError> {
        let source = self.source.map(|source| {
            Ok::<_, ReportError>(SourcePackage {
                name: field::text("source.name", source.name)?,
                version: field::text("source.version", source.version)?,
            })
        });
        Ok(Package {
            name: field::text("name", self.name)?,
            version: field::text("version", self.version)?,
            purl: None,
            source: source.transpose()?,
        })
    }
}

impl Vulnerability<'_> {
    /// In the package that it is about. `scored`: by an enricher.
    fn finding(&self, scored: Option<Severity>) -> Result<Finding, ReportError> {
        let id = field::titled_id("name", &self.name)?;
        let package = self.package.clone().unwrap_or_default();
        let mut aliases = field::Aliases::new("links", &id);
        aliases.add_within(&self.name)?;
        aliases.add_mentioned(&self.links)?;
        let (aliases, mentioned) = aliases.listed();
        Ok(Finding {
            aliases,
            mentioned,
            severity: self.rating(&id, scored)?,
            package: field::text("name", package.name)?,
            purl: None,
            installed: field::text("version", package.version)?,
            fixed: field::for_people(&self.fixed_in_version),
            severity_source: field::for_people(&self.updater),
            status: None,
            id,
            source: None,
        })
    }

    /// Clair's own word; where that says nothing, the source's, if it is a score, or that of
    /// an enricher.
    fn rating(&self, id: &str, scored: Option<Severity>) -> Result<Option<Severity>, ReportError> {
        if self.normalized_severity.is_empty() {
            return Err(ReportError::Unrated {
                id: id.to_owned(),
                format: Format::Clair,
            });
        }
        match Severity::from_grype(&self.normalized_severity)? {
            // Sources have words of their own, which Clair could not read either.
            None => {
                let own = rating::of_score("severity", self.severity);
                Ok(own.unwrap_or_default().max(scored))
            }
            rated => Ok(rated),
        }
    }
}
