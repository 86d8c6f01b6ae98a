//! One report, in the one shape that judgement knows.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Finding, ReportSubject};

/// The formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    Trivy,
    Grype,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trivy => "trivy",
            Self::Grype => "grype",
        })
    }
}

/// A word that names no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the formats that are read are trivy and grype")]
pub struct UnknownFormat;

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        match text {
            "trivy" => Ok(Self::Trivy),
            "grype" => Ok(Self::Grype),
            _ => Err(UnknownFormat),
        }
    }
}

/// The scanner that wrote a report.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tool {
    pub name: String,
    pub version: Option<String>,
}

/// Why a report cannot be a pass, however few findings it lists.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "cause", content = "detail")]
pub enum Incomplete {
    /// The scanner says that it failed or stopped early.
    Failed(String),
    /// It says that findings were filtered out.
    Filtered(String),
    /// Its vulnerability database was invalid.
    DatabaseInvalid,
    /// It recognised neither an operating system nor any package.
    NothingRecognised,
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) => write!(f, "the scan failed: {why}"),
            Self::Filtered(how) => write!(f, "findings were filtered out: {how}"),
            Self::DatabaseInvalid => f.write_str("the vulnerability database was invalid"),
            Self::NothingRecognised => {
                f.write_str("neither an operating system nor a package was recognised")
            }
        }
    }
}

/// A scan report, whatever its format was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanReport {
    pub format: Format,
    pub tool: Tool,
    pub subject: ReportSubject,
    pub scanned_at: Option<Timestamp>,
    /// When the vulnerability database was built, where known.
    pub database_at: Option<Timestamp>,
    pub incomplete: Vec<Incomplete>,
    /// The image's operating system no longer receives advisories, so the
    /// findings are too few.
    pub end_of_life: bool,
    pub findings: Vec<Finding>,
}
