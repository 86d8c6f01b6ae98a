//! The one entry: bytes in, a report or a plain refusal out.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Format, ReportError, ScanReport, grype, strict, trivy};

/// The largest report that is read, in bytes.
pub const MAX_REPORT_BYTES: usize = 64 << 20;

/// Reads a report of the `format`, or of the one it is recognised as.
///
/// A claimed format does not make a document one: what reads as another is refused.
pub fn read(bytes: &[u8], format: Option<Format>) -> Result<ScanReport, ReportError> {
    let document = strict::check(bytes, MAX_REPORT_BYTES)?;
    let found = recognise(document)?;
    match format {
        Some(claimed) if claimed != found => Err(ReportError::OtherFormat { claimed, found }),
        _ => match found {
            Format::Trivy => trivy::read(document),
            Format::Grype => grype::read(document),
            _ => Err(ReportError::Unrecognised { hint: "" }),
        },
    }
}

/// Which format a document has, by the keys that only that format writes.
pub fn detect(bytes: &[u8]) -> Result<Format, ReportError> {
    recognise(strict::check(bytes, MAX_REPORT_BYTES)?)
}

/// The keys at the top that tell the formats apart.
#[derive(Deserialize)]
struct Marks<'a> {
    #[serde(borrow, rename = "SchemaVersion")]
    schema_version: Option<&'a RawValue>,
    #[serde(borrow, rename = "ArtifactType")]
    artifact_type: Option<&'a RawValue>,
    #[serde(borrow, rename = "ArtifactName")]
    artifact_name: Option<&'a RawValue>,
    #[serde(borrow)]
    matches: Option<&'a RawValue>,
    #[serde(borrow)]
    descriptor: Option<&'a RawValue>,
    #[serde(borrow, rename = "bomFormat")]
    bom_format: Option<&'a RawValue>,
    #[serde(borrow)]
    runs: Option<&'a RawValue>,
    #[serde(borrow)]
    vulnerabilities: Option<&'a RawValue>,
}

fn recognise(document: &str) -> Result<Format, ReportError> {
    let unrecognised = |hint| Err(ReportError::Unrecognised { hint });
    let Ok(marks) = serde_json::from_str::<Marks<'_>>(document) else {
        return unrecognised("; this is no JSON object (Trivy's first schema was a bare list)");
    };
    let trivy = marks.schema_version.is_some()
        && (marks.artifact_type.is_some() || marks.artifact_name.is_some());
    let grype = marks.descriptor.is_some() && marks.matches.is_some();
    match (trivy, grype) {
        (true, false) => Ok(Format::Trivy),
        (false, true) => Ok(Format::Grype),
        (true, true) => unrecognised("; this one has the keys of both"),
        (false, false) => unrecognised(marks.hint()),
    }
}

impl Marks<'_> {
    fn hint(&self) -> &'static str {
        if self.bom_format.is_some() {
            "; this looks like CycloneDX"
        } else if self.runs.is_some() {
            "; this looks like SARIF"
        } else if self.vulnerabilities.is_some() {
            "; this looks like a GitLab or Harbor report"
        } else {
            ""
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIVY: &[u8] = include_bytes!("../../tests/fixtures/reports/trivy-findings.json");
    const GRYPE: &[u8] = include_bytes!("../../tests/fixtures/reports/grype-findings.json");

    #[test]
    fn recognises_each_format() {
        assert_eq!(detect(TRIVY), Ok(Format::Trivy));
        assert_eq!(detect(GRYPE), Ok(Format::Grype));
        assert_eq!(read(TRIVY, None).unwrap().format, Format::Trivy);
        assert_eq!(read(GRYPE, None).unwrap().format, Format::Grype);
    }

    #[test]
    fn says_what_was_expected() {
        for unknown in ["{}", "[]", "7", r#"{"bomFormat":"CycloneDX"}"#] {
            let text = read(unknown.as_bytes(), None).unwrap_err().to_string();
            assert!(text.contains("Trivy JSON"), "{text}");
            assert!(text.contains("Grype JSON"), "{text}");
        }
        let sarif = detect(br#"{"runs":[]}"#).unwrap_err().to_string();
        assert!(sarif.contains("SARIF"), "{sarif}");
    }

    #[test]
    fn refuses_a_document_with_the_keys_of_both() {
        let both =
            br#"{"SchemaVersion":2,"ArtifactType":"container_image","matches":[],"descriptor":{}}"#;
        assert!(matches!(
            detect(both),
            Err(ReportError::Unrecognised { .. })
        ));
    }

    #[test]
    fn refuses_a_claimed_format_that_is_another() {
        assert_eq!(
            read(TRIVY, Some(Format::Grype)),
            Err(ReportError::OtherFormat {
                claimed: Format::Grype,
                found: Format::Trivy
            })
        );
        assert!(read(TRIVY, Some(Format::Trivy)).is_ok());
    }

    #[test]
    fn refuses_reports_with_duplicate_keys_or_a_tail() {
        let text = std::str::from_utf8(TRIVY).unwrap();
        let twice = text.replacen('{', r#"{"Results": [],"#, 1);
        assert!(matches!(
            read(twice.as_bytes(), None),
            Err(ReportError::Json(_))
        ));
        let tail = format!("{text}{{}}");
        assert!(matches!(
            read(tail.as_bytes(), None),
            Err(ReportError::Json(_))
        ));
    }
}
