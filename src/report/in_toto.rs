//! in-toto's vulnerability predicate, versions 0.1 and 0.2: ids and scores, and
//! neither packages nor fixes (`in-toto.io/attestation/vulns`). It can deny, and is
//! no pass.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::gather::{Few, Findings, each};
use super::keys::{self, Keys};
use super::statement::{self, StatementSubject};
use super::{
    Finding, Format, ReportError, ReportSubject, ScanReport, Severity, Tool, error, field, rating,
};
use crate::oci::printable;

#[derive(Deserialize)]
struct Statement<'a> {
    #[serde(default)]
    subject: StatementSubject,
    #[serde(borrow)]
    predicate: Predicate<'a>,
}

#[derive(Deserialize)]
struct Predicate<'a> {
    #[serde(borrow)]
    scanner: Scanner<'a>,
    #[serde(borrow, default, alias = "scan_metadata")]
    metadata: Metadata<'a>,
}

#[derive(Deserialize)]
struct Scanner<'a> {
    #[serde(borrow, default)]
    uri: Cow<'a, str>,
    #[serde(default)]
    version: String,
    #[serde(borrow, alias = "database")]
    db: Option<Database<'a>>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Database<'a> {
    #[serde(borrow, rename = "lastUpdate")]
    last_update: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, rename = "scanFinishedOn", alias = "scan_finished_on")]
    finished: Option<&'a RawValue>,
}

/// What version 0.1 wraps its list in.
#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    vulnerabilities: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Found<'a> {
    id: String,
    #[serde(borrow)]
    severity: Option<Few<Rating<'a>>>,
}

#[derive(Deserialize)]
struct Rating<'a> {
    #[serde(borrow, default)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    score: Option<&'a RawValue>,
}

/// Reads a document that is known to be strict JSON.
pub(super) fn read(document: &str) -> Result<ScanReport, ReportError> {
    match Keys::of(document) {
        Some(keys) if keys.has("payload") => read_statement(&statement::open(document)?),
        _ => read_statement(document),
    }
}

fn read_statement(document: &str) -> Result<ScanReport, ReportError> {
    let statement: Statement<'_> =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    let Predicate { scanner, metadata } = statement.predicate;
    let mut findings = Findings::default();
    each("result", list(scanner.result)?, |found| {
        findings.push(finding(found)?)
    })?;
    let updated = scanner.db.and_then(|db| db.last_update);
    Ok(ScanReport {
        format: Format::InTotoVulns,
        tool: tool(&scanner.uri, &scanner.version),
        subject: ReportSubject {
            manifests: statement.subject.digests()?,
            ..ReportSubject::default()
        },
        scanned_at: field::time("scanFinishedOn", metadata.finished)?,
        database_at: field::time("lastUpdate", updated)?,
        incomplete: Vec::new(),
        end_of_life: false,
        malware: 0,
        secrets: 0,
        findings: findings.distinct(),
        packages: Vec::new(),
    })
}

fn list(result: Option<&RawValue>) -> Result<Option<&RawValue>, ReportError> {
    match result {
        Some(result) if !keys::is_list(result.get()) => {
            let wrapped: Wrapped<'_> = serde_json::from_str(result.get())
                .map_err(|error| ReportError::field("result", error::problem(&error)))?;
            Ok(wrapped.vulnerabilities)
        }
        list => Ok(list),
    }
}

fn tool(uri: &str, version: &str) -> Tool {
    let name = printable(uri, 128);
    let version = Some(printable(version, 64));
    Tool {
        name: match name.is_empty() {
            true => "unknown".to_owned(),
            false => name,
        },
        version: version.filter(|version| !version.is_empty()),
    }
}

/// The gravest of its ratings: words, scores or vectors.
fn finding(found: Found<'_>) -> Result<Finding, ReportError> {
    let mut severity = None;
    if found.severity.is_none() {
        // The predicate demands a list: what was lost may have been any rating.
        severity = Some(Severity::Critical);
    }
    let ratings = found.severity.unwrap_or_default().0.into_iter();
    for rated in ratings.filter(|it| !rating::is_no_severity(&it.method)) {
        severity = severity.max(rating::of_score("score", rated.score)?);
    }
    let id = field::id("id", found.id)?;
    Ok(Finding {
        aliases: field::aliases("id", &id, [])?,
        mentioned: Vec::new(),
        id,
        package: String::new(),
        purl: None,
        installed: String::new(),
        fixed: None,
        severity,
        severity_source: None,
        status: None,
        source: None,
    })
}
