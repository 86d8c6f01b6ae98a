//! cosign's vulnerability attestation: a statement whose predicate holds the report
//! of a scanner in its own format (`cosign.sigstore.dev/attestation/vuln/v1`).
//!
//! Taken as a document: its signature is not verified, so it is as trustworthy as its
//! submitter, and no more complete than the report within. `trivy image --format cosign-vuln` writes the predicate alone, which is
//! taken too.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::keys::Keys;
use super::statement::{self, StatementSubject};
use super::{Format, Incomplete, ReportError, ScanReport, error, field};

/// The keys of a predicate by itself.
pub(super) const PREDICATE_KEYS: [&str; 3] = ["invocation", "metadata", "scanner"];

#[derive(Deserialize)]
struct Statement<'a> {
    #[serde(default)]
    subject: StatementSubject,
    #[serde(borrow)]
    predicate: &'a RawValue,
}

#[derive(Deserialize)]
struct Predicate<'a> {
    #[serde(borrow)]
    scanner: Scanner<'a>,
    #[serde(borrow, default)]
    metadata: Metadata<'a>,
}

#[derive(Deserialize)]
struct Scanner<'a> {
    #[serde(borrow)]
    result: &'a RawValue,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow)]
    scan_finished_on: Option<&'a RawValue>,
}

/// Reads a report in its scanner's own format.
type ReadNative = fn(&str) -> Result<ScanReport, ReportError>;

/// Reads a document that is known to be strict JSON; `native` reads the report within.
pub(super) fn read(document: &str, native: ReadNative) -> Result<ScanReport, ReportError> {
    match Keys::of(document) {
        Some(keys) if keys.has("payload") => read_statement(&statement::open(document)?, native),
        Some(keys) if keys.has_all(&PREDICATE_KEYS) => read_predicate(document, native),
        _ => read_statement(document, native),
    }
}

fn read_statement(document: &str, native: ReadNative) -> Result<ScanReport, ReportError> {
    let statement: Statement<'_> =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    let attested = statement.subject.digests()?;
    let mut report = read_predicate(statement.predicate.get(), native)?;
    let mut others = report.subject.image_id.iter().chain(&report.subject.either);
    let names_one = others.any(|digest| attested.contains(digest));
    let named = &mut report.subject.manifests;
    if let (Some(first), Some(other)) = (attested.first(), named.first())
        && !attested.iter().any(|digest| named.contains(digest))
    {
        return Err(ReportError::SeveralImages {
            first: first.to_string(),
            other: other.to_string(),
        });
    }
    let attested_alone = named.is_empty() && !names_one;
    named.extend(attested);
    named.sort_unstable();
    named.dedup();
    report.subject.attested = attested_alone && !named.is_empty();
    Ok(report)
}

fn read_predicate(predicate: &str, native: ReadNative) -> Result<ScanReport, ReportError> {
    let predicate: Predicate<'_> = serde_json::from_str(predicate)
        .map_err(|error| ReportError::field("predicate", error::problem(&error)))?;
    let mut report = native(predicate.scanner.result.get())?;
    if !report.format.can_satisfy() {
        report.incomplete.push(Incomplete::Lossy(report.format));
    }
    let finished = field::time("scanFinishedOn", predicate.metadata.scan_finished_on)?;
    Ok(ScanReport {
        format: Format::CosignVuln,
        // The earlier, so that wrapping a report anew makes it no younger.
        scanned_at: [report.scanned_at, finished].into_iter().flatten().min(),
        ..report
    })
}
