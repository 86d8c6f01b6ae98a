//! What scanners say: their reports, read into one shape.
//!
//! Pure. A report is bounded, strict, and never taken for more than it says:
//! what is missing, filtered or failed makes it incomplete, and an incomplete
//! report is never a pass.

mod finding;
mod scan_report;
mod severity;

pub use finding::Finding;
pub use scan_report::{Format, Incomplete, ReportSubject, ScanReport, Tool};
pub use severity::{Severity, UnknownSeverity};
