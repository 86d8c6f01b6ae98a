//! One report, in the one shape that judgement knows.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Finding, Package, ReportSubject};

/// The formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    Trivy,
    Grype,
    Aqua,
    Gitlab,
    Harbor,
    TrivyOperator,
    Ecr,
    Inspector,
    Prisma,
    Snyk,
    Clair,
    Quay,
    Anchore,
    CosignVuln,
    Sarif,
    Cyclonedx,
    InTotoVulns,
}

impl Format {
    pub const ALL: [Self; 17] = [
        Self::Trivy,
        Self::Grype,
        Self::Aqua,
        Self::Gitlab,
        Self::Harbor,
        Self::TrivyOperator,
        Self::Ecr,
        Self::Inspector,
        Self::Prisma,
        Self::Snyk,
        Self::Clair,
        Self::Quay,
        Self::Anchore,
        Self::CosignVuln,
        Self::Sarif,
        Self::Cyclonedx,
        Self::InTotoVulns,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trivy => "trivy",
            Self::Grype => "grype",
            Self::Aqua => "aqua",
            Self::Gitlab => "gitlab",
            Self::Harbor => "harbor",
            Self::TrivyOperator => "trivy-operator",
            Self::Ecr => "ecr",
            Self::Inspector => "inspector",
            Self::Prisma => "prisma",
            Self::Snyk => "snyk",
            Self::Clair => "clair",
            Self::Quay => "quay",
            Self::Anchore => "anchore",
            Self::CosignVuln => "cosign-vuln",
            Self::Sarif => "sarif",
            Self::Cyclonedx => "cyclonedx",
            Self::InTotoVulns => "in-toto-vulns",
        }
    }

    /// Whether a report of this format can meet the demand for a scan. The others
    /// leave out too much (packages, ratings, times), and can only deny.
    pub const fn can_satisfy(self) -> bool {
        match self {
            Self::Trivy
            | Self::Grype
            | Self::Aqua
            | Self::Gitlab
            | Self::Harbor
            | Self::TrivyOperator
            | Self::Ecr
            | Self::Prisma
            | Self::Snyk
            | Self::Clair
            | Self::Quay
            | Self::Anchore
            | Self::CosignVuln => true,
            Self::Inspector | Self::Sarif | Self::Cyclonedx | Self::InTotoVulns => false,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that names no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the formats that are read are trivy, grype, aqua, gitlab, harbor, trivy-operator, ecr, \
     inspector, prisma, snyk, clair, quay, anchore, cosign-vuln, sarif, cyclonedx and \
     in-toto-vulns"
)]
pub struct UnknownFormat;

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let mut all = Self::ALL.into_iter();
        all.find(|format| format.as_str() == text)
            .ok_or(UnknownFormat)
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
    /// It does not name its image by digest.
    Unnamed,
    /// Nothing in it shows that a scan came to its end.
    Unproven(String),
    /// It lies in an envelope of another format, and is of one that cannot be a pass.
    Lossy(Format),
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
            Self::Unnamed => f.write_str("the report does not name its image by digest"),
            Self::Unproven(what) => write!(f, "nothing shows that the scan ended: {what}"),
            Self::Lossy(format) => {
                write!(f, "a {format} report can deny, and is no pass by itself")
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
    /// How many pieces of malware were found, at whatever severity.
    pub malware: u64,
    /// How many secrets (keys, tokens, passwords) were found, at whatever severity.
    pub secrets: u64,
    pub findings: Vec<Finding>,
    /// What lies in the image, where the report lists it: also packages without
    /// findings, so that one can be blocked before anybody has a name for what is
    /// wrong with it.
    pub packages: Vec<Package>,
}

impl ScanReport {
    /// One of a tool of this name that says nothing.
    pub(super) fn blank(format: Format, tool: &str) -> Self {
        Self {
            format,
            tool: Tool {
                name: tool.to_owned(),
                version: None,
            },
            subject: ReportSubject::default(),
            scanned_at: None,
            database_at: None,
            incomplete: Vec::new(),
            end_of_life: false,
            malware: 0,
            secrets: 0,
            findings: Vec::new(),
            packages: Vec::new(),
        }
    }

    /// The same, and no pass unless it names its image by the digest of its manifest, or
    /// of its config.
    pub(super) fn named_by_digest(mut self) -> Self {
        if self.subject.manifests.is_empty() && self.subject.image_id.is_none() {
            self.incomplete.push(Incomplete::Unnamed);
        }
        self
    }
}
