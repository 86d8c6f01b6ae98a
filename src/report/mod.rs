//! Scan reports of all formats, read into one type.
//!
//! Pure. A report is bounded, strict, and never taken for more than it says:
//! what is missing, filtered or failed makes it incomplete, and an incomplete
//! report is never a pass.

mod anchore;
mod aqua;
mod clair;
mod cosign;
mod counted;
mod cvss_vector;
mod cyclonedx;
mod declared_time;
mod ecr;
mod encoding;
mod error;
mod field;
mod finding;
mod gather;
mod gitlab;
mod grype;
mod grype_filters;
mod harbor;
mod identifiers;
mod in_toto;
mod inspector;
mod keys;
mod percent;
mod prisma;
mod quay;
mod rating;
mod read;
mod remark;
mod sarif;
mod sarif_rules;
mod scan_report;
mod scanner_info;
mod severity;
mod snyk;
mod source_package;
mod statement;
mod strict;
mod subject;
mod table;
#[cfg(test)]
mod tests;
mod trivy;
mod trivy_operator;
mod trivy_rating;
mod vendor;
mod vulnerability_id;

pub use declared_time::DeclaredTimeError;
pub use encoding::decode;
pub use error::ReportError;
pub use finding::{Finding, Package, sourced, versioned};
pub use gather::MAX_FINDINGS;
pub use percent::percent_decoded;
pub use read::{detect, read};
pub use remark::Remark;
pub use scan_report::{Format, Incomplete, ScanReport, Tool, UnknownFormat};
pub use scanner_info::{ScannerInfo, ScannerInfoError};
pub use severity::{Severity, UnknownSeverity};
pub use source_package::SourcePackage;
pub use strict::MAX_REPORT_BYTES;
pub use subject::{BindError, BindTarget, ReportBinding, ReportSubject};
pub use vulnerability_id::no_vulnerability;
