//! Scan reports that are handed in.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::VerdictView;
use crate::oci::{Digest, Platform};
use crate::report::{Finding, Format, Severity};
use crate::trust::EnvironmentName;

/// Where reports are handed in: `POST` a [`ScanSubmission`].
pub const SCANS: &str = "/api/v1/scans";

/// The longest body that is taken, in bytes: 64 MiB.
pub const LIMIT_OF_SCANS: usize = 64 << 20;

/// One report on one image. The report travels as it is inside the JSON body,
/// neither quoted nor re-encoded:
/// `printf '{"image":"%s","report":%s}' "$image" "$(cat report.json)"`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScanSubmission {
    /// The image that was scanned; a tag is resolved once, at the upstream. With
    /// `image_id` only its name counts: where the image will be pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "registry.corp/team/app@sha256:…")]
    pub image: Option<String>,
    /// The image ID (digest of its config) of an image that no registry has yet. It
    /// counts for a manifest once its submitter has bound the two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub image_id: Option<Digest>,
    /// Judge it for this environment, as if it were promoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub gate: Option<EnvironmentName>,
    /// Format of the report.
    #[serde(default)]
    pub format: FormatChoice,
    /// The report as the scanner wrote it.
    #[schema(value_type = Object)]
    pub report: Box<RawValue>,
    /// What `trivy version -f json` or `grype db status -o json` printed: dates
    /// the vulnerability database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub scanner_info: Option<Box<RawValue>>,
}

/// A format by name, or recognised by its shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FormatChoice {
    #[default]
    Auto,
    Trivy,
    Grype,
}

impl FormatChoice {
    /// `None`: recognise it.
    pub const fn format(self) -> Option<Format> {
        match self {
            Self::Auto => None,
            Self::Trivy => Some(Format::Trivy),
            Self::Grype => Some(Format::Grype),
        }
    }
}

/// What was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanAnswer {
    /// Id of the scan, as evidence lists it.
    pub id: String,
    /// The image as it was asked for; its ID where nobody named it.
    pub image: String,
    /// The image manifest it counts for; absent before the push.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub manifest: Option<Digest>,
    /// The image ID that it was handed in for, before the push.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub image_id: Option<Digest>,
    #[schema(value_type = Option<String>)]
    pub platform: Option<Platform>,
    pub tool: ToolView,
    #[schema(value_type = String)]
    pub format: Format,
    pub findings: SeverityCounts,
    /// Why it cannot be a pass, however few findings it lists; empty: it can.
    pub incomplete: Vec<String>,
    /// What bound the report to the manifest: `manifest digest`, `image id` …
    pub bound_by: String,
    #[schema(value_type = String, format = DateTime)]
    pub scanned_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub database_at: Option<Timestamp>,
    /// The verdict, where one was asked for, with the findings that it turns on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Box<VerdictView>>,
}

/// The scanner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToolView {
    pub name: String,
    pub version: Option<String>,
}

/// How many findings there are of each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeverityCounts {
    pub critical: u64,
    pub high: u64,
    pub medium: u64,
    pub low: u64,
    pub negligible: u64,
    /// Not rated by the scanner; policy says what they count as.
    pub unknown: u64,
}

impl SeverityCounts {
    pub fn of(findings: &[Finding]) -> Self {
        let mut counts = Self::default();
        for finding in findings {
            *counts.slot(finding.severity) += 1;
        }
        counts
    }

    fn slot(&mut self, severity: Option<Severity>) -> &mut u64 {
        match severity {
            Some(Severity::Critical) => &mut self.critical,
            Some(Severity::High) => &mut self.high,
            Some(Severity::Medium) => &mut self.medium,
            Some(Severity::Low) => &mut self.low,
            Some(Severity::Negligible) => &mut self.negligible,
            None => &mut self.unknown,
        }
    }

    /// Each with its word, gravest first.
    pub fn listed(&self) -> [(&'static str, u64); 6] {
        [
            ("critical", self.critical),
            ("high", self.high),
            ("medium", self.medium),
            ("low", self.low),
            ("negligible", self.negligible),
            ("unknown", self.unknown),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_travels_byte_for_byte() {
        let text = r#"{"image":"app","report":{"b": 1,  "a":1.0}}"#;
        let submission: ScanSubmission = serde_json::from_str(text).unwrap();
        assert_eq!(submission.report.get(), r#"{"b": 1,  "a":1.0}"#);
        assert_eq!(submission.format, FormatChoice::Auto);
        let sent = serde_json::to_string(&submission).unwrap();
        assert!(sent.contains(r#"{"b": 1,  "a":1.0}"#), "{sent}");
    }

    #[test]
    fn refuses_a_field_that_it_does_not_know() {
        let text = r#"{"image":"app","report":{},"gates":"production"}"#;
        assert!(serde_json::from_str::<ScanSubmission>(text).is_err());
    }
}
