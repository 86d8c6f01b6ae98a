//! What other sources say of a vulnerability that Trivy calls `UNKNOWN`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{ReportError, Severity, error, rating};

/// A source's CVSS, in the versions that it rates by.
#[derive(Deserialize)]
struct SourceCvss<'a> {
    #[serde(borrow, rename = "V40Score")]
    fourth: Option<&'a RawValue>,
    #[serde(borrow, rename = "V3Score")]
    third: Option<&'a RawValue>,
    #[serde(borrow, rename = "V2Score")]
    second: Option<&'a RawValue>,
    #[serde(default, rename = "V40Vector")]
    fourth_vector: String,
    #[serde(default, rename = "V3Vector")]
    third_vector: String,
    #[serde(default, rename = "V2Vector")]
    second_vector: String,
}

/// By source, as `nvd`.
type BySource<'a, T> = Option<BTreeMap<Cow<'a, str>, T>>;

/// The gravest word or CVSS of any source; `None` where none of them rates it.
pub(super) fn gravest(
    words: Option<&RawValue>,
    cvss: Option<&RawValue>,
) -> Result<Option<Severity>, ReportError> {
    Ok(gravest_word(words)?.max(gravest_cvss(cvss)?))
}

/// Trivy numbers its words from 0, which is `UNKNOWN`.
fn gravest_word(words: Option<&RawValue>) -> Result<Option<Severity>, ReportError> {
    let Some(words) = words else { return Ok(None) };
    let sources: BySource<'_, u64> = serde_json::from_str(words.get())
        .map_err(|error| ReportError::field("VendorSeverity", error::problem(&error)))?;
    let mut gravest = None;
    for number in sources.iter().flat_map(BTreeMap::values) {
        gravest = gravest.max(match number {
            0 => None,
            1 => Some(Severity::Low),
            2 => Some(Severity::Medium),
            3 => Some(Severity::High),
            4 => Some(Severity::Critical),
            _ => return Err(ReportError::field("VendorSeverity", "is above 4")),
        });
    }
    Ok(gravest)
}

fn gravest_cvss(cvss: Option<&RawValue>) -> Result<Option<Severity>, ReportError> {
    let Some(cvss) = cvss else { return Ok(None) };
    let sources: BySource<'_, SourceCvss<'_>> = serde_json::from_str(cvss.get())
        .map_err(|error| ReportError::field("CVSS", error::problem(&error)))?;
    let mut gravest = None;
    for source in sources.iter().flat_map(BTreeMap::values) {
        for score in [source.fourth, source.third, source.second] {
            gravest = gravest.max(rating::of_score("CVSS", score)?);
        }
        for vector in [
            &source.fourth_vector,
            &source.third_vector,
            &source.second_vector,
        ] {
            gravest = gravest.max(rating::of_readable_vector(vector));
        }
    }
    Ok(gravest)
}
