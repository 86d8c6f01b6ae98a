//! Snyk Container's JSON (`snyk container test --json`), with the applications that it
//! found in the image.
//!
//! It names the image as it was typed, so by digest only if that was typed.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::counted::{Counted, Tally};
use super::gather::{Few, Findings, each};
use super::table::Table;
use super::{
    Finding, Format, Incomplete, ReportError, ReportSubject, ScanReport, Severity, field, rating,
};
use crate::oci::{Digest, Platform, printable};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(borrow)]
    vulnerabilities: Option<&'a RawValue>,
    #[serde(default)]
    dependency_count: u64,
    unique_count: Option<u64>,
    #[serde(borrow)]
    docker: Option<Docker<'a>>,
    #[serde(borrow)]
    applications: Option<&'a RawValue>,
    #[serde(borrow)]
    filtered: Option<Filtered<'a>>,
    #[serde(default)]
    severity_threshold: String,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(default)]
    path: String,
    #[serde(default)]
    platform: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Docker<'a> {
    /// Of programs that no package manager installed; old versions list them here.
    #[serde(borrow)]
    binaries_vulns: Option<&'a RawValue>,
}

/// What a policy file left out.
#[derive(Deserialize)]
struct Filtered<'a> {
    #[serde(borrow)]
    ignore: Option<&'a RawValue>,
    #[serde(borrow)]
    patch: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vulnerability<'a> {
    id: String,
    /// Of a package that was made to do harm.
    #[serde(default)]
    malicious: bool,
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    package_name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    severity_with_critical: String,
    /// Where a policy of the organisation gave it another: what Snyk itself said.
    #[serde(default, deserialize_with = "text_or_none")]
    original_severity: String,
    identifiers: Option<Table<Few<String>>>,
    #[serde(default, deserialize_with = "text_or_none")]
    nearest_fixed_in_version: String,
    #[serde(borrow)]
    cvss_score: Option<&'a RawValue>,
}

/// Reads a document that is known to be strict JSON.
pub(super) fn read(document: &str) -> Result<ScanReport, ReportError> {
    let document: Document<'_> =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    let mut listed = Listed::default();
    listed.add(&document)?;
    each("applications", document.applications, |application| {
        let application: Document<'_> = application;
        listed.add(&application)
    })?;
    let report = ScanReport {
        subject: ReportSubject {
            manifests: document.manifest()?,
            platform: document.platform(),
            name: Some(printable(&document.path, 512)).filter(|name| !name.is_empty()),
            ..ReportSubject::default()
        },
        incomplete: listed.incomplete,
        malware: listed.malware,
        findings: listed.findings.distinct(),
        ..ScanReport::blank(Format::Snyk, "snyk")
    };
    Ok(report.named_by_digest())
}

/// What the image and its applications add up to.
#[derive(Default)]
struct Listed {
    findings: Findings,
    malware: u64,
    incomplete: Vec<Incomplete>,
}

impl Listed {
    fn add(&mut self, document: &Document<'_>) -> Result<(), ReportError> {
        if document.vulnerabilities.is_none() {
            return Err(ReportError::field("vulnerabilities", "is missing"));
        }
        let mut unique = HashSet::new();
        self.add_all(
            "vulnerabilities",
            document.vulnerabilities,
            None,
            &mut unique,
        )?;
        self.incomplete.extend(match document.unique_count {
            Some(total) => shortfall(total, unique.len()),
            None => Some(Incomplete::Unproven("it counts nothing".to_owned())),
        });
        if let Some(filtered) = &document.filtered {
            self.add_all(
                "filtered.ignore",
                filtered.ignore,
                Some("ignored"),
                &mut unique,
            )?;
            self.add_all(
                "filtered.patch",
                filtered.patch,
                Some("patched"),
                &mut unique,
            )?;
        }
        self.incomplete.extend(document.withheld());
        Ok(())
    }

    fn add_all(
        &mut self,
        name: &'static str,
        list: Option<&RawValue>,
        suppressed: Option<&str>,
        unique: &mut HashSet<String>,
    ) -> Result<(), ReportError> {
        each(name, list, |found: Vulnerability<'_>| {
            unique.insert(found.id.clone());
            self.malware += u64::from(found.malicious);
            // Licences stand among vulnerabilities.
            match &*found.r#type {
                "license" => Ok(()),
                _ => self.findings.push(finding(found, suppressed)?),
            }
        })
    }
}

/// Why ids are missing.
fn shortfall(total: u64, listed: usize) -> Option<Incomplete> {
    let mut tally = Tally::default();
    (0..listed).for_each(|_| tally.add(None));
    let counted = Counted {
        total,
        ..Counted::default()
    };
    counted.shortfall(tally)
}

impl Document<'_> {
    /// Why findings are missing.
    fn withheld(&self) -> impl Iterator<Item = Incomplete> {
        let threshold = printable(&self.severity_threshold, 32);
        let binaries = self
            .docker
            .as_ref()
            .and_then(|docker| docker.binaries_vulns);
        let said = |value: &&RawValue| !matches!(value.get(), "null" | "{}" | "\"\"");
        [
            (!threshold.is_empty())
                .then(|| Incomplete::Filtered(format!("severity threshold {threshold}"))),
            binaries
                .filter(said)
                .map(|_| Incomplete::Filtered("those of binaries are not read".to_owned())),
            self.error
                .filter(said)
                .map(|error| Incomplete::Failed(printable(error.get(), 200))),
            (self.dependency_count == 0).then_some(Incomplete::NothingRecognised),
        ]
        .into_iter()
        .flatten()
    }

    /// The digest that was typed, `repository@sha256:…`.
    fn manifest(&self) -> Result<Vec<Digest>, ReportError> {
        let digest = self.path.rsplit_once('@').map_or("", |(_, digest)| digest);
        Ok(field::digest("path", digest)?.into_iter().collect())
    }

    fn platform(&self) -> Option<Platform> {
        Platform::parse(&self.platform).ok()
    }
}

/// Go and JavaScript write what is absent as `null`.
fn text_or_none<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

/// `suppressed`: the word under which Snyk was told to leave the finding out.
fn finding(found: Vulnerability<'_>, suppressed: Option<&str>) -> Result<Finding, ReportError> {
    let id = field::id("id", found.id.clone())?;
    let severity = found.rating(&id)?;
    let package = match found.package_name.is_empty() {
        true => found.name,
        false => found.package_name,
    };
    Ok(Finding {
        aliases: field::aliases("identifiers", &id, others(found.identifiers))?,
        mentioned: Vec::new(),
        id,
        package: field::text("packageName", package)?,
        purl: None,
        installed: field::text("version", found.version)?,
        fixed: field::for_people(&found.nearest_fixed_in_version),
        severity,
        severity_source: None,
        status: suppressed.map(field::suppressed),
        source: None,
    })
}

/// Ids by who numbers them; a weakness (CWE) is no vulnerability.
fn others(identifiers: Option<Table<Few<String>>>) -> Vec<String> {
    let lists = identifiers.map(|table| table.0).unwrap_or_default();
    let ids = lists.into_iter().filter(|(issuer, _)| issuer != "CWE");
    ids.flat_map(|(_, list)| list.0).collect()
}

impl Vulnerability<'_> {
    /// The gravest of its words: the first knows no critical, and old versions write it
    /// alone; and what a policy at Snyk lowered counts as Snyk rated it.
    fn rating(&self, id: &str) -> Result<Option<Severity>, ReportError> {
        if self.severity.is_empty() {
            return Err(ReportError::Unrated {
                id: id.to_owned(),
                format: Format::Snyk,
            });
        }
        let word = Severity::from_cyclonedx(&self.severity)?;
        let original = Severity::from_cyclonedx(&self.original_severity)?;
        let score = rating::of_score("cvssScore", self.cvss_score)?;
        let rated = match Severity::from_cyclonedx(&self.severity_with_critical)? {
            None if word == Some(Severity::High) => word.max(score),
            None => word.or(score),
            whole => whole.max(word),
        };
        Ok(rated.max(original))
    }
}
