//! Scan reports that are handed in.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::VerdictView;
use crate::oci::{Digest, Platform};
use crate::report::{Finding, Format, Severity, UnknownFormat};
use crate::trust::{EnvironmentName, TimeSource};

/// Where reports are handed in: `POST` a [`ScanSubmission`].
pub const SCANS: &str = "/api/v1/scans";

/// The longest body that is taken, in bytes: 256 MiB.
pub const MAX_SCAN_BYTES: usize = 256 << 20;

/// One report on one image. The report travels as it is inside the JSON body,
/// neither quoted nor re-encoded:
/// `printf '{"image":"%s","report":%s}' "$image" "$(cat report.json)"`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScanSubmission<'a> {
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
    /// When the scan was made, of a report that does not say it itself: the submitter's
    /// word. Without it such a report counts from when it was first handed in, however often
    /// it is handed in again; with a later time it is another scan. Refused where the report
    /// says another time, ahead of now, and a year ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub scanned_at: Option<Timestamp>,
    /// The report as the scanner wrote it.
    #[serde(borrow)]
    #[schema(value_type = Object)]
    pub report: &'a RawValue,
    /// What `trivy version -f json` or `grype db status -o json` printed: dates
    /// the vulnerability database.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub scanner_info: Option<&'a RawValue>,
}

/// A format by name, or recognised by its shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FormatChoice {
    #[default]
    Auto,
    Of(Format),
}

impl FormatChoice {
    const AUTO: &str = "auto";

    /// `None`: recognise it.
    pub const fn format(self) -> Option<Format> {
        match self {
            Self::Auto => None,
            Self::Of(format) => Some(format),
        }
    }

    /// All words there are.
    pub fn words() -> impl Iterator<Item = &'static str> {
        let formats = Format::ALL.into_iter().map(Format::as_str);
        std::iter::once(Self::AUTO).chain(formats)
    }
}

impl fmt::Display for FormatChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.format().map_or(Self::AUTO, Format::as_str))
    }
}

impl FromStr for FormatChoice {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        match text {
            Self::AUTO => Ok(Self::Auto),
            word => word.parse().map(Self::Of),
        }
    }
}

impl Serialize for FormatChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FormatChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        word.parse().map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for FormatChoice {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A format by name, or recognised by its shape."))
            .enum_values(Some(Self::words()))
            .into()
    }
}

impl ToSchema for FormatChoice {}

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
    /// What the report was read as.
    #[schema(value_type = String)]
    pub format: Format,
    pub findings: SeverityCounts,
    /// Why it cannot be a pass, however few findings it lists; empty: it can, where its format
    /// can.
    pub incomplete: Vec<String>,
    /// What bound the report to the manifest: `manifest digest`, `image id` …
    pub bound_by: String,
    #[schema(value_type = String, format = DateTime)]
    pub scanned_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanned_at_source: Option<ScanTimeSource>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub database_at: Option<Timestamp>,
    /// Environments that deny the image by it already, since the scan is older than their
    /// `max_report_age`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub too_old_for: Vec<EnvironmentName>,
    /// The newer scan that stands in its place, so that this one does not count: by the same
    /// tool and submitter, and saying no less for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<NewerScanView>,
    /// The verdict, where one was asked for, with the findings that it turns on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Box<VerdictView>>,
}

/// A scan that stands, where an older one was handed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewerScanView {
    /// Its id, as evidence lists it.
    pub id: String,
    #[schema(value_type = String, format = DateTime)]
    pub scanned_at: Timestamp,
}

/// Who says when a scan was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScanTimeSource {
    /// The report itself.
    Report,
    /// Its submitter.
    Submitter,
    /// Nobody: it counts from when it was first handed in.
    Receipt,
}

impl From<TimeSource> for ScanTimeSource {
    fn from(source: TimeSource) -> Self {
        match source {
            TimeSource::Report => Self::Report,
            TimeSource::Submitter(_) => Self::Submitter,
            TimeSource::Receipt => Self::Receipt,
        }
    }
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

    /// As they were counted.
    pub fn counted(counts: &HashMap<Option<Severity>, u64>) -> Self {
        let mut all = Self::default();
        for (severity, count) in counts {
            *all.slot(*severity) += count;
        }
        all
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

    #[test]
    fn a_format_is_chosen_by_any_of_its_words() {
        for word in FormatChoice::words() {
            let choice: FormatChoice = serde_json::from_str(&format!("\"{word}\"")).unwrap();
            assert_eq!(choice.to_string(), word);
            assert_eq!(choice.format().is_none(), word == "auto");
        }
        assert_eq!(FormatChoice::words().count(), Format::ALL.len() + 1);
        assert!(serde_json::from_str::<FormatChoice>("\"nessus\"").is_err());
    }

    #[test]
    fn the_schema_lists_the_words_of_the_formats() {
        let schema = serde_json::to_value(FormatChoice::schema()).unwrap();
        assert_eq!(schema["type"], "string");
        let words: Vec<_> = FormatChoice::words().collect();
        assert_eq!(schema["enum"], serde_json::json!(words));
    }
}
