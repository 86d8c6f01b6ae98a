//! Why a report is not read. The texts are for the submitter.

use super::{Format, UnknownSeverity};
use crate::oci::{DigestError, printable};

/// Why a document is not taken as a scan report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    #[error("the report is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the report lists more than {0} findings")]
    TooManyFindings(usize),
    #[error("the report lists more than {0} other ids of its findings")]
    TooManyAliases(usize),
    #[error("the report lists more than {0} packages")]
    TooManyPackages(usize),
    #[error(
        "the report is {0}; save it as UTF-8 (in PowerShell: `… | Out-File -Encoding utf8 \
         report.json`, or let the scanner write the file)"
    )]
    Encoding(&'static str),
    #[error("the report is compressed ({0}); decompress it first")]
    Compressed(&'static str),
    #[error("the report is not strict JSON: {0}")]
    Json(String),
    #[error(
        "this is no report that can be read; wanted: Trivy JSON (trivy image -f json), Grype \
         JSON (grype -o json), Aqua JSON (scannercli or its API), a GitLab container scanning \
         report, a Harbor vulnerability report, a VulnerabilityReport of trivy-operator, what ECR, \
         Inspector, twistcli (Prisma), Snyk Container, Clair, Quay or Anchore say of an image, a cosign-vuln or in-toto-vulns attestation, \
         SARIF, or CycloneDX JSON{hint}"
    )]
    Unrecognised {
        /// What the document looks like instead; may be empty.
        hint: &'static str,
    },
    #[error("the report was handed in as {claimed}, but it reads as {found}")]
    OtherFormat { claimed: Format, found: Format },
    #[error("only Trivy's SchemaVersion 2 is read, the report has {0}")]
    Schema(String),
    #[error("the report is about {0}; only scans of container images count")]
    NotAnImage(String),
    #[error("the report is about several images ({first} and {other}); hand in one report on each")]
    SeveralImages { first: String, other: String },
    #[error("{list}, entry {index}: {problem}")]
    Entry {
        list: &'static str,
        index: usize,
        problem: String,
    },
    #[error("{field}: {problem}")]
    Field {
        field: &'static str,
        problem: String,
    },
    #[error("{field}: {error}")]
    Digest {
        field: &'static str,
        error: DigestError,
    },
    #[error(
        "{id} has no severity, and {format} writes one always; hand the report in as the \
         scanner wrote it"
    )]
    Unrated { id: String, format: Format },
    #[error(transparent)]
    Severity(#[from] UnknownSeverity),
}

impl ReportError {
    pub(super) fn field(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Field {
            field,
            problem: problem.into(),
        }
    }

    pub(super) fn json(error: &serde_json::Error) -> Self {
        Self::Json(printable(&error.to_string(), 200))
    }
}

/// What serde says, without a position: inside a part of the document the
/// position would be that part's own.
pub(super) fn problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let without_position = text
        .rsplit_once(" at line ")
        .map_or(&*text, |(head, _)| head);
    printable(without_position, 200)
}
