//! Scan reports of all formats, read into one type.
//!
//! Pure. A report is bounded, strict, and never taken for more than it says:
//! what is missing, filtered or failed makes it incomplete, and an incomplete
//! report is never a pass.

mod aqua;
mod cosign;
mod cvss_vector;
mod cyclonedx;
mod encoding;
mod error;
mod field;
mod finding;
mod gather;
mod gitlab;
mod grype;
mod harbor;
mod identifiers;
mod in_toto;
mod keys;
mod rating;
mod read;
mod sarif;
mod scan_report;
mod scanner_info;
mod severity;
mod statement;
mod strict;
mod subject;
#[cfg(test)]
mod tests;
mod trivy;

pub use encoding::decode;
pub use error::ReportError;
pub use finding::{Finding, Package};
pub use gather::MAX_FINDINGS;
pub use read::{detect, read};
pub use scan_report::{Format, Incomplete, ScanReport, Tool, UnknownFormat};
pub use scanner_info::{ScannerInfo, ScannerInfoError};
pub use severity::{Severity, UnknownSeverity};
pub use strict::MAX_REPORT_BYTES;
pub use subject::{BindError, BindTarget, ReportBinding, ReportSubject};
