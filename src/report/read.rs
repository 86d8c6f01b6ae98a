//! The one entry: bytes in, a report or a plain refusal out.

use serde_json::value::RawValue;

use super::gather::each;
use super::keys::{self, Keys};
use super::strict::MAX_REPORT_BYTES;
use super::{
    Format, ReportError, ScanReport, anchore, aqua, clair, cosign, cyclonedx, ecr, gitlab, grype,
    harbor, in_toto, inspector, prisma, quay, sarif, snyk, statement, strict, trivy,
    trivy_operator, vendor,
};

/// Reads a report of the `format`, or of the one it is recognised as.
///
/// A claimed format does not make a document one: what reads as another is refused.
///
/// # Errors
/// [`ReportError`] where it cannot be read whole, or is no report.
pub fn read(bytes: &[u8], format: Option<Format>) -> Result<ScanReport, ReportError> {
    let document = &*strict::check(bytes, MAX_REPORT_BYTES)?;
    let found = recognise(document)?;
    match format {
        Some(claimed) if claimed != found => Err(ReportError::OtherFormat { claimed, found }),
        Some(_) | None => read_as(found, document),
    }
}

/// Which format a document has, by the keys that only that format writes.
///
/// # Errors
/// [`ReportError`] where none is recognised, or no JSON is there.
pub fn detect(bytes: &[u8]) -> Result<Format, ReportError> {
    recognise(&strict::check(bytes, MAX_REPORT_BYTES)?)
}

fn read_as(format: Format, document: &str) -> Result<ScanReport, ReportError> {
    match format {
        Format::Trivy => trivy::read(document),
        Format::Grype => grype::read(document),
        Format::Aqua => aqua::read(document),
        Format::Gitlab => gitlab::read(document),
        Format::Harbor => harbor::read(document),
        Format::TrivyOperator => trivy_operator::read(document),
        Format::Ecr => ecr::read(document),
        Format::Inspector => inspector::read(document),
        Format::Prisma => prisma::read(document),
        Format::Snyk => snyk::read(document),
        Format::Clair => clair::read(document),
        Format::Quay => quay::read(document),
        Format::Anchore => anchore::read(document),
        Format::CosignVuln => cosign::read(document, read_native),
        Format::Sarif => sarif::read(document),
        Format::Cyclonedx => cyclonedx::read(document),
        Format::InTotoVulns => in_toto::read(document),
    }
}

/// Reads the report that an attestation carries, in its scanner's own format.
fn read_native(document: &str) -> Result<ScanReport, ReportError> {
    match recognise(document)? {
        Format::CosignVuln | Format::InTotoVulns => Err(ReportError::field(
            "result",
            "is an attestation within an attestation",
        )),
        format => read_as(format, document),
    }
}

/// What the keys at the top make of a document.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Report(Format),
    /// An in-toto statement; its predicate tells the format.
    Statement,
    /// A DSSE envelope; its payload is a statement.
    Envelope,
    /// A page of an API; its rows tell whose.
    Page,
}

/// Keys that together only one format writes.
const FORMAT_KEYS: [(&[&str], Shape); 23] = [
    (
        &["SchemaVersion", "ArtifactType"],
        Shape::Report(Format::Trivy),
    ),
    (
        &["SchemaVersion", "ArtifactName"],
        Shape::Report(Format::Trivy),
    ),
    (
        &["descriptor", "matches", "source"],
        Shape::Report(Format::Grype),
    ),
    (&["image", "os", "resources"], Shape::Report(Format::Aqua)),
    (
        &["image", "os", "vulnerability_summary"],
        Shape::Report(Format::Aqua),
    ),
    (&["count", "result"], Shape::Page),
    (&["cves", "image_name"], Shape::Report(Format::Aqua)),
    (
        &["scan", "version", "vulnerabilities"],
        Shape::Report(Format::Gitlab),
    ),
    (
        &["generated_at", "scanner", "vulnerabilities"],
        Shape::Report(Format::Harbor),
    ),
    (&[harbor::MIME_TYPES[0]], Shape::Report(Format::Harbor)),
    (&[harbor::MIME_TYPES[1]], Shape::Report(Format::Harbor)),
    (&[harbor::MIME_TYPES[2]], Shape::Report(Format::Harbor)),
    (&["imageScanFindings"], Shape::Report(Format::Ecr)),
    (&["imageScanStatus"], Shape::Report(Format::Ecr)),
    (
        &["dependencyCount", "docker", "vulnerabilities"],
        Shape::Report(Format::Snyk),
    ),
    (&clair::KEYS, Shape::Report(Format::Clair)),
    (
        &["vulnerabilities", "vulnerability_type"],
        Shape::Report(Format::Anchore),
    ),
    (
        &["vulnerabilities", "vulnerabilityType"],
        Shape::Report(Format::Anchore),
    ),
    (&["runs", "version"], Shape::Report(Format::Sarif)),
    (&cosign::PREDICATE_KEYS, Shape::Report(Format::CosignVuln)),
    (&["bomFormat"], Shape::Report(Format::Cyclonedx)),
    (&["_type", "predicateType"], Shape::Statement),
    (&["payloadType", "payload"], Shape::Envelope),
];

fn recognise(document: &str) -> Result<Format, ReportError> {
    if keys::is_list(document) {
        return recognise_list(document);
    }
    let unrecognised = |hint| Err(ReportError::Unrecognised { hint });
    let Some(keys) = Keys::of(document) else {
        return unrecognised("; this is neither an object nor a list");
    };
    match shape(&keys) {
        Ok(Some(Shape::Report(format))) => Ok(format),
        Ok(Some(Shape::Statement)) => statement::format(document),
        Ok(Some(Shape::Envelope)) => statement::format(&statement::open(document)?),
        Ok(Some(Shape::Page)) if aqua::is_page_of_vulnerabilities(document) => Ok(Format::Aqua),
        Ok(Some(Shape::Page)) => {
            unrecognised("; this is a page, but not of vulnerabilities in an image")
        }
        Ok(None) => vendor::below(&keys, document),
        Err(Several) => unrecognised("; this one has the keys of two of them"),
    }
}

/// A document has the keys of several formats, so another reader may take it for another
/// format.
struct Several;

fn shape(keys: &Keys) -> Result<Option<Shape>, Several> {
    let marked = FORMAT_KEYS.iter().filter(|(marks, _)| keys.has_all(marks));
    let mut shapes = marked.map(|(_, shape)| *shape);
    let Some(first) = shapes.next() else {
        return Ok(None);
    };
    match shapes.all(|other| other == first) {
        true => Ok(Some(first)),
        false => Err(Several),
    }
}

/// Only Aqua hands out lists: images with their results.
fn recognise_list(document: &str) -> Result<Format, ReportError> {
    let list: &RawValue =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    let no_image = ReportError::Unrecognised {
        hint: "; this is a list, but not of images (Trivy's first schema was one, and so is \
               Anchore's answer on its policy; hand in its vulnerabilities)",
    };
    let mut images = 0;
    let walked = each("report", Some(list), |entry: Keys| {
        images += 1;
        match entry.has_all(&aqua::LISTED_KEYS) {
            true => Ok(()),
            false => Err(no_image.clone()),
        }
    });
    match walked {
        Ok(()) if images > 0 => Ok(Format::Aqua),
        Ok(()) => Err(ReportError::Unrecognised {
            hint: "; this list is empty",
        }),
        Err(_) => Err(no_image),
    }
}
