//! What a scanner says of its database: the date that plain reports leave out.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::problem;
use super::grype::DatabaseStatus;
use super::trivy::Database;
use super::{Format, Incomplete, ReportError, ScanReport, field, strict};

/// The largest output that is read, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// The output of `trivy version -f json` or `grype db status -o json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannerInfo {
    /// The scanner that printed it.
    pub format: Format,
    /// When its vulnerability database was built.
    pub database_at: Timestamp,
    /// Whether the scanner holds the database for usable.
    pub database_valid: bool,
}

/// Why scanner information dates no report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScannerInfoError {
    #[error("the scanner information cannot be read: {0}")]
    Unreadable(#[from] ReportError),
    #[error(
        "the scanner information dates no database; wanted: what `trivy version -f json` or \
         `grype db status -o json` printed"
    )]
    Undated,
    #[error("the scanner information is {info}'s, the report is {report}'s")]
    OtherTool { info: Format, report: Format },
    #[error(
        "the database of the scanner information ({database_at}) was built after the scan \
         ({scanned_at}); take the information together with the scan"
    )]
    AfterScan {
        database_at: Timestamp,
        scanned_at: Timestamp,
    },
}

#[derive(Deserialize)]
struct Printed<'a> {
    #[serde(borrow, rename = "VulnerabilityDB")]
    trivy: Option<Database<'a>>,
    #[serde(borrow, rename = "schemaVersion")]
    schema_version: Option<&'a RawValue>,
    #[serde(borrow)]
    built: Option<&'a RawValue>,
    valid: Option<bool>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

impl ScannerInfo {
    /// Reads what the scanner printed, at most 1 MiB of it.
    ///
    /// # Errors
    /// [`ScannerInfoError`] where it is not what a scanner prints.
    pub fn read(bytes: &[u8]) -> Result<Self, ScannerInfoError> {
        let text = strict::check(bytes, MAX_BYTES)?;
        let printed: Printed<'_> = serde_json::from_str(&text)
            .map_err(|error| ReportError::field("document", problem(&error)))?;
        match (&printed.trivy, printed.schema_version) {
            (Some(database), None) => Ok(Self {
                format: Format::Trivy,
                database_at: dated("VulnerabilityDB.UpdatedAt", database.updated_at)?,
                database_valid: true,
            }),
            (None, Some(_)) => Ok(Self {
                format: Format::Grype,
                database_at: dated("built", printed.built)?,
                database_valid: !printed.grype().is_invalid(),
            }),
            _ => Err(ScannerInfoError::Undated),
        }
    }
}

impl<'a> Printed<'a> {
    fn grype(&self) -> DatabaseStatus<'a> {
        DatabaseStatus {
            built: self.built,
            // Not said before schema 6.
            valid: self.valid.or(Some(true)),
            error: self.error,
        }
    }
}

fn dated(field: &'static str, value: Option<&RawValue>) -> Result<Timestamp, ScannerInfoError> {
    field::time(field, value)?.ok_or(ScannerInfoError::Undated)
}

impl ScanReport {
    /// Dates the report's database by what the scanner printed, whatever format it
    /// then wrote the report in. A date that the
    /// report states itself stays; a database that the scanner holds for invalid
    /// makes the report incomplete.
    ///
    /// # Errors
    /// [`ScannerInfoError`] where it is another scanner's.
    pub fn dated_by(mut self, info: &ScannerInfo) -> Result<Self, ScannerInfoError> {
        let same = info.format == self.format || info.format.as_str() == self.tool.name;
        if !same {
            return Err(ScannerInfoError::OtherTool {
                info: info.format,
                report: self.format,
            });
        }
        if let Some(scanned_at) = self.scanned_at.filter(|at| *at < info.database_at) {
            return Err(ScannerInfoError::AfterScan {
                database_at: info.database_at,
                scanned_at,
            });
        }
        if !info.database_valid && !self.incomplete.contains(&Incomplete::DatabaseInvalid) {
            self.incomplete.push(Incomplete::DatabaseInvalid);
        }
        self.database_at.get_or_insert(info.database_at);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    const TRIVY: &[u8] = include_bytes!("../../tests/fixtures/reports/trivy-findings.json");
    const TRIVY_INFO: &[u8] = include_bytes!("../../tests/fixtures/reports/trivy-version.json");
    const GRYPE_INFO: &[u8] = include_bytes!("../../tests/fixtures/reports/grype-db-status.json");

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn dates_a_report_by_what_the_scanner_printed() {
        let report = read(TRIVY, None).unwrap();
        assert_eq!(report.database_at, None);
        let info = ScannerInfo::read(TRIVY_INFO).unwrap();
        let dated = report.dated_by(&info).unwrap();
        assert_eq!(dated.database_at, Some(at("2026-03-01T06:12:00Z")));
        assert_eq!(dated.incomplete, []);
    }

    #[test]
    fn reads_grypes_status() {
        let info = ScannerInfo::read(GRYPE_INFO).unwrap();
        assert_eq!(info.format, Format::Grype);
        assert_eq!(info.database_at, at("2026-03-01T04:30:11Z"));
        assert!(info.database_valid);
        let old = br#"{"location":"/c/5","built":"2026-03-01T00:00:00Z","schemaVersion":5,"checksum":"sha256:x","error":null}"#;
        assert!(ScannerInfo::read(old).unwrap().database_valid);
    }

    #[test]
    fn refuses_another_tools_information() {
        let info = ScannerInfo::read(GRYPE_INFO).unwrap();
        let error = read(TRIVY, None).unwrap().dated_by(&info).unwrap_err();
        assert!(matches!(error, ScannerInfoError::OtherTool { .. }));
    }

    #[test]
    fn dates_what_the_same_scanner_wrote_in_another_format() {
        let attested = include_bytes!("../../tests/fixtures/reports/cosign-vuln.json");
        let info = ScannerInfo::read(TRIVY_INFO).unwrap();
        let report = read(attested, None).unwrap().dated_by(&info).unwrap();
        assert_eq!(report.database_at, Some(info.database_at));
        let grype = ScannerInfo::read(GRYPE_INFO).unwrap();
        assert!(read(attested, None).unwrap().dated_by(&grype).is_err());
    }

    #[test]
    fn refuses_a_database_built_after_the_scan() {
        let mut info = ScannerInfo::read(TRIVY_INFO).unwrap();
        info.database_at = at("2026-03-09T00:00:00Z");
        let error = read(TRIVY, None).unwrap().dated_by(&info).unwrap_err();
        assert!(matches!(error, ScannerInfoError::AfterScan { .. }));
    }

    #[test]
    fn an_invalid_database_makes_the_report_incomplete() {
        let grype = include_bytes!("../../tests/fixtures/reports/grype-findings.json");
        let text = std::str::from_utf8(GRYPE_INFO).unwrap();
        let info = ScannerInfo::read(text.replace("true", "false").as_bytes()).unwrap();
        let report = read(grype, None).unwrap().dated_by(&info).unwrap();
        assert_eq!(report.incomplete, [Incomplete::DatabaseInvalid]);
    }

    #[test]
    fn the_reports_own_date_stays() {
        let grype = include_bytes!("../../tests/fixtures/reports/grype-findings.json");
        let report = read(grype, None).unwrap();
        let own = report.database_at;
        let mut info = ScannerInfo::read(GRYPE_INFO).unwrap();
        info.database_at = at("2026-03-01T05:00:00Z");
        assert_eq!(report.dated_by(&info).unwrap().database_at, own);
    }

    #[test]
    fn refuses_what_dates_nothing() {
        for bad in [
            "{}",
            "[]",
            r#"{"Version":"0.60.0"}"#,
            r#"{"VulnerabilityDB":{}}"#,
            r#"{"schemaVersion":"v6","valid":true}"#,
            r#"{"schemaVersion":5,"built":"0001-01-01T00:00:00Z"}"#,
        ] {
            assert!(ScannerInfo::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
