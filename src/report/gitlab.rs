//! GitLab's container scanning report (`gl-container-scanning-report.json`),
//! schemas 3, 14 and 15 (what GitLab called 3 is of the same shape).
//!
//! Only findings name the image, most often by a tag: a report without findings
//! names none, and counts for the digest that it is handed in for. A failed scan
//! writes an empty list too.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::gather::{Few, Findings, each};
use super::{
    Finding, Format, Incomplete, ReportError, ReportSubject, ScanReport, Severity, Tool, field,
    identifiers, rating,
};
use crate::oci::printable;

/// Scanners whose names GitLab's own may hide.
const KNOWN_ENGINES: [&str; 2] = ["trivy", "grype"];

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(borrow)]
    scan: Scan<'a>,
    #[serde(borrow)]
    vulnerabilities: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Scan<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(default)]
    status: String,
    scanner: Scanner,
    #[serde(default)]
    start_time: String,
    #[serde(default)]
    end_time: String,
    messages: Option<Few<Message>>,
    #[serde(borrow)]
    options: Option<Few<ScanOption<'a>>>,
}

#[derive(Deserialize)]
struct Scanner {
    #[serde(default)]
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    level: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct ScanOption<'a> {
    #[serde(default)]
    name: String,
    /// Text, number or boolean.
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Vulnerability {
    identifiers: Few<Identifier>,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    solution: String,
    location: Location,
    cvss_vectors: Option<Few<Cvss>>,
}

#[derive(Deserialize)]
struct Cvss {
    #[serde(default)]
    vector: String,
}

#[derive(Deserialize)]
struct Identifier {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct Location {
    #[serde(default)]
    image: String,
    #[serde(default)]
    dependency: Dependency,
}

#[derive(Default, Deserialize)]
struct Dependency {
    #[serde(default)]
    package: Named,
    #[serde(default)]
    version: String,
}

#[derive(Default, Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

/// Reads a document that is known to be strict JSON.
pub(super) fn read(document: &str) -> Result<ScanReport, ReportError> {
    let document: Document<'_> =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    document.check_kind()?;
    if document.vulnerabilities.is_none() {
        let problem = "is no list, and the schema demands one, be it empty";
        return Err(ReportError::field("vulnerabilities", problem));
    }
    let mut findings = Findings::default();
    let mut image = None;
    each("vulnerabilities", document.vulnerabilities, |found| {
        let found: Vulnerability = found;
        found.location.same_image(&mut image)?;
        findings.push(finding(found)?)
    })?;
    Ok(ScanReport {
        format: Format::Gitlab,
        tool: document.scan.scanner.tool(),
        subject: subject(image.as_deref())?,
        scanned_at: document.scan.scanned_at()?,
        // GitLab does not say so, nor the next.
        database_at: None,
        end_of_life: false,
        incomplete: document.scan.incomplete(),
        malware: 0,
        secrets: 0,
        findings: findings.distinct(),
        packages: Vec::new(),
    })
}

impl Document<'_> {
    fn check_kind(&self) -> Result<(), ReportError> {
        let major = self.version.split('.').next().unwrap_or_default();
        if !matches!(major, "3" | "14" | "15") {
            let found = printable(&self.version, 16);
            let problem =
                format!("only GitLab's report schemas 3, 14 and 15 are read, not {found}");
            return Err(ReportError::field("version", problem));
        }
        match &*self.scan.r#type {
            "container_scanning" => Ok(()),
            other => Err(ReportError::NotAnImage(format!(
                "what {} looks at",
                printable(other, 32)
            ))),
        }
    }
}

impl Scan<'_> {
    fn scanned_at(&self) -> Result<Option<Timestamp>, ReportError> {
        match time("scan.end_time", &self.end_time)? {
            Some(end) => Ok(Some(end)),
            None => time("scan.start_time", &self.start_time),
        }
    }

    fn incomplete(&self) -> Vec<Incomplete> {
        let status = match &*self.status {
            "success" => None,
            "" => Some("the report gives no status".to_owned()),
            other => Some(format!("its status is {}", printable(other, 32))),
        };
        let messages = self.messages.iter().flat_map(|list| &list.0);
        let fatal = messages
            .filter(|message| message.level == "fatal")
            .map(|message| printable(&message.value, 200));
        let options = self.options.iter().flat_map(|list| &list.0);
        let filters = options.filter_map(ScanOption::filter);
        let failed = status.into_iter().chain(fatal).map(Incomplete::Failed);
        let no_end = self.end_time.is_empty();
        let unproven = no_end.then(|| Incomplete::Unproven("it has no end_time".to_owned()));
        let causes = failed.chain(filters.map(Incomplete::Filtered));
        causes.chain(unproven).collect()
    }
}

impl ScanOption<'_> {
    /// The two settings of GitLab's analyzer that leave findings out, should it
    /// list them.
    fn filter(&self) -> Option<String> {
        let name = self.name.to_ascii_uppercase().replace('-', "_");
        let value = self.value.map_or("", RawValue::get).trim_matches('"');
        let harmless = if name.ends_with("SEVERITY_THRESHOLD") {
            value.is_empty() || value.eq_ignore_ascii_case("unknown")
        } else if name.ends_with("IGNORE_UNFIXED") {
            value.is_empty() || value.eq_ignore_ascii_case("false")
        } else {
            true
        };
        (!harmless).then(|| printable(&format!("{} {value}", self.name), 128))
    }
}

impl Scanner {
    /// The scanner's id, with the engine if only its name tells that.
    fn tool(&self) -> Tool {
        let id = match &*self.id {
            "" => "gitlab".to_owned(),
            id => printable(id, 64),
        };
        let hidden = |engine: &&&str| {
            self.name.to_ascii_lowercase().contains(**engine)
                && !id.to_ascii_lowercase().contains(**engine)
        };
        let name = match KNOWN_ENGINES.iter().find(hidden) {
            Some(engine) => format!("{id} ({engine})"),
            None => id,
        };
        Tool {
            name,
            version: Some(printable(&self.version, 64)).filter(|version| !version.is_empty()),
        }
    }
}

impl Location {
    /// The image, if it is named: Trivy's template writes `Unknown` where it saw
    /// no operating system.
    fn image(&self) -> Option<&str> {
        Some(&*self.image).filter(|image| !matches!(*image, "" | "Unknown"))
    }

    fn same_image(&self, only: &mut Option<String>) -> Result<(), ReportError> {
        let Some(own) = self.image() else {
            return Ok(());
        };
        match only.get_or_insert_with(|| own.to_owned()) {
            first if first == own => Ok(()),
            first => Err(ReportError::SeveralImages {
                first: printable(first, 128),
                other: printable(own, 128),
            }),
        }
    }
}

/// A name with a digest names a manifest or an index; one with a tag, nothing.
fn subject(image: Option<&str>) -> Result<ReportSubject, ReportError> {
    let digest = image.filter(|image| image.contains('@'));
    let digest = digest.map(field::repo_digest);
    Ok(ReportSubject {
        manifests: field::digests("location.image", digest)?,
        name: image.map(|image| printable(image, 512)),
        ..ReportSubject::default()
    })
}

/// The schema's times have no zone and are UTC.
fn time(field: &'static str, text: &str) -> Result<Option<Timestamp>, ReportError> {
    if text.is_empty() {
        return Ok(None);
    }
    let zoned = text.parse::<Timestamp>().ok();
    let time = zoned.or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        Offset::UTC.to_timestamp(civil).ok()
    });
    time.map(Some)
        .ok_or_else(|| ReportError::field(field, "is not written 2026-03-01T00:00:00"))
}

impl Vulnerability {
    /// Its word; where that says nothing, the gravest of its vectors.
    fn rating(&self, id: &str) -> Result<Option<Severity>, ReportError> {
        if self.severity.is_empty() {
            return Err(ReportError::Unrated {
                id: printable(id, 64),
                format: Format::Gitlab,
            });
        }
        let mut rated = Severity::from_gitlab(&self.severity)?;
        if rated.is_none() {
            for cvss in self.cvss_vectors.iter().flat_map(|list| &list.0) {
                rated = rated.max(rating::of_readable_vector(&cvss.vector));
            }
        }
        Ok(rated)
    }
}

fn finding(mut found: Vulnerability) -> Result<Finding, ReportError> {
    let identifiers = std::mem::take(&mut found.identifiers.0);
    let (id, others) = identity(identifiers)?;
    let severity = found.rating(&id)?;
    let dependency = found.location.dependency;
    let fixed = field::upgrade(&found.solution)
        .unwrap_or_default()
        .to_owned();
    Ok(Finding {
        aliases: field::aliases("identifiers", &id, others)?,
        mentioned: Vec::new(),
        id,
        package: field::text("package.name", dependency.package.name)?,
        purl: None,
        installed: field::text("dependency.version", dependency.version)?,
        fixed: field::for_people(&fixed),
        severity,
        severity_source: None,
        status: None,
        source: None,
    })
}

/// The one CVE is the id; of none or several the first identifier that names no CVE, which
/// GitLab calls primary, or else all of them: an exception for one CVE must not accept what is
/// about others, too. The others are aliases. Classes of weakness (CWE) name no vulnerability.
fn identity(
    mut listed: Vec<Identifier>,
) -> Result<(String, impl Iterator<Item = String>), ReportError> {
    listed.retain(|identifier| !identifier.r#type.eq_ignore_ascii_case("cwe"));
    if listed.is_empty() {
        let problem = "a vulnerability has none";
        return Err(ReportError::field("identifiers", problem));
    }
    let cves_of = |it: &Identifier| identifiers::cves_in(&format!("{} {}", it.value, it.name));
    let cves: BTreeSet<String> = listed.iter().flat_map(cves_of).collect();
    let is_of_one = cves.len() == 1;
    let main = listed
        .iter()
        .position(|it| cves_of(it).is_empty() != is_of_one);
    let mut main = listed.remove(main.unwrap_or(0));
    if cves.len() > 1 && !cves_of(&main).is_empty() {
        main.value = field::joined(cves);
    }
    let named = identifiers::in_text(&main.name).collect::<Vec<_>>();
    let others = listed.into_iter().flat_map(|identifier| {
        let named: Vec<_> = identifiers::in_text(&identifier.name).collect();
        std::iter::once(identifier.value).chain(named)
    });
    let others = named.into_iter().chain(others);
    Ok((field::id("identifiers", main.value)?, others))
}
