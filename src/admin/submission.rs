//! A submitted scan report, for an image in a registry or for one that is not pushed yet:
//! read from the body of `POST /api/v1/scans`, which may be large, in the blocking pool and
//! without copying the report.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::value::RawValue;

use super::authenticate::forbidden;
use super::error::AdminError;
use crate::access::Principal;
use crate::api::{FormatChoice, ScanAnswer, ScanSubmission, SeverityCounts, ToolView};
use crate::ledger::{NewScan, ScanTarget, TakenScan};
use crate::oci::Digest;
use crate::report::{self, DeclaredTimeError, ReportBinding, ScanReport, ScannerInfo};
use crate::tasks::HeavyWork;
use crate::trust::EnvironmentName;
use crate::uploads::UploadText;

/// A valid body whose report is not parsed yet.
pub(super) struct ScanBody {
    pub(super) image: Option<String>,
    pub(super) image_id: Option<Digest>,
    pub(super) gate: Option<EnvironmentName>,
    format: FormatChoice,
    /// As it was declared.
    scanned_at: Option<Timestamp>,
    report: Bytes,
    scanner_info: Option<Bytes>,
    /// What the report is a part of.
    _text: UploadText,
}

impl ScanBody {
    /// Reads all but the report.
    pub(super) async fn read(body: UploadText, heavy: &HeavyWork) -> Result<Self, AdminError> {
        heavy.run(move || Self::parse(body)).await?
    }

    fn parse(text: UploadText) -> Result<Self, AdminError> {
        let body = text.bytes.clone();
        let read: ScanSubmission<'_> = serde_json::from_slice(&body).map_err(|error| {
            let why = unreadable(&body, &error);
            AdminError::bad_request(format!("the body cannot be read: {why}"))
                .next("see /api/v1/openapi.json")
        })?;
        let part = |value: &RawValue| body.slice_ref(value.get().as_bytes());
        Ok(Self {
            report: part(read.report),
            scanner_info: read.scanner_info.map(part),
            image: read.image,
            image_id: read.image_id,
            gate: read.gate,
            format: read.format,
            scanned_at: read.scanned_at,
            _text: text,
        })
    }

    /// Reads the report, and forgets its text.
    pub(super) async fn report(
        self,
        now: Timestamp,
        heavy: &HeavyWork,
    ) -> Result<DeclaredReport, AdminError> {
        heavy.run(move || self.parse_report(now)).await?
    }

    fn parse_report(&self, now: Timestamp) -> Result<DeclaredReport, AdminError> {
        let report = self.dated_report()?;
        let declared = self.scanned_at.map(|at| report.declared_at(at, now));
        let declared_at = declared.transpose().map_err(|error| {
            let refused = AdminError::refused(format!("scanned_at is not taken: {error}"));
            refused.next(match error {
                DeclaredTimeError::Reported { .. } => "leave scanned_at (--scanned-at) out",
                DeclaredTimeError::BeforeDatabase { .. } | DeclaredTimeError::TooOld(_) => {
                    "declare when the scan was made"
                }
            })
        })?;
        Ok(DeclaredReport {
            report,
            declared_at: declared_at.flatten(),
        })
    }

    fn dated_report(&self) -> Result<ScanReport, AdminError> {
        let report = report::read(&self.report, self.format.format())
            .map_err(|error| AdminError::refused(format!("the report is not taken: {error}")))?;
        let Some(info) = &self.scanner_info else {
            return Ok(report);
        };
        ScannerInfo::read(info)
            .and_then(|info| report.dated_by(&info))
            .map_err(|error| AdminError::refused(format!("the scanner info is not taken: {error}")))
    }
}

/// A report, with what its submitter says of it.
pub(super) struct DeclaredReport {
    report: ScanReport,
    /// When the scan was made, where the report does not say it.
    declared_at: Option<Timestamp>,
}

/// Why a body is no JSON: most often as a file of Windows lies in it as it stands.
fn unreadable(body: &[u8], error: &serde_json::Error) -> String {
    let foreign = |text: &str| text.contains(['\u{feff}', '\0']);
    match std::str::from_utf8(body).map(foreign) {
        Ok(false) => error.to_string(),
        Ok(true) | Err(_) => "it is not plain UTF-8, as a report in UTF-16 or with a byte order \
                              mark is not; send it as UTF-8, or let `sekisho scan submit` read \
                              the file"
            .to_owned(),
    }
}

/// A submitted report, with the submitter and the time.
pub(super) struct Submission<'a> {
    pub(super) principal: &'a Principal,
    pub(super) report: ScanReport,
    declared_at: Option<Timestamp>,
    /// Judge it for this environment.
    pub(super) gate: Option<EnvironmentName>,
    pub(super) now: Timestamp,
    counts: SeverityCounts,
}

impl<'a> Submission<'a> {
    pub(super) fn new(
        principal: &'a Principal,
        declared: DeclaredReport,
        gate: Option<EnvironmentName>,
        now: Timestamp,
    ) -> Self {
        let DeclaredReport {
            report,
            declared_at,
        } = declared;
        Self {
            counts: SeverityCounts::of(&report.findings),
            principal,
            report,
            declared_at,
            gate,
            now,
        }
    }

    /// What the ledger keeps of it. Findings and packages may be many, and go with
    /// it.
    pub(super) fn new_scan(&mut self, about: ScanTarget, binding: ReportBinding) -> NewScan {
        let (report, now) = (&mut self.report, self.now);
        NewScan {
            about,
            binding,
            format: report.format,
            tool: report.tool.clone(),
            submitter: self.principal.name().to_owned(),
            scope: self.principal.scope().clone(),
            scanned_at: report.scanned_at,
            declared_at: self.declared_at,
            received_at: now,
            database_at: report.database_at,
            incomplete: report.incomplete.clone(),
            end_of_life: report.end_of_life,
            malware: report.malware,
            secrets: report.secrets,
            findings: std::mem::take(&mut report.findings),
            packages: std::mem::take(&mut report.packages),
        }
    }
}

/// Refuses roles that may not submit scans.
pub(super) fn may_submit(principal: &Principal) -> Result<(), AdminError> {
    match principal.role().may_submit_scans() {
        true => Ok(()),
        false => Err(forbidden(principal, "hand in scans")),
    }
}

/// The answer to a submission that was taken so, without the fields that only a pushed
/// image has.
pub(super) fn answer(
    id: String,
    taken: TakenScan,
    image: String,
    submission: Submission<'_>,
) -> ScanAnswer {
    let Submission { report, counts, .. } = submission;
    ScanAnswer {
        id,
        image,
        manifest: None,
        image_id: None,
        platform: report.subject.platform.clone(),
        findings: counts,
        incomplete: report.incomplete.iter().map(ToString::to_string).collect(),
        tool: ToolView {
            name: report.tool.name,
            version: report.tool.version,
        },
        format: report.format,
        bound_by: bound_by(taken.binding).to_owned(),
        scanned_at: taken.scanned_at,
        scanned_at_source: Some(taken.time_source.into()),
        database_at: taken.database_at,
        too_old_for: Vec::new(),
        replaced_by: None,
        gate: None,
    }
}

const fn bound_by(bound: ReportBinding) -> &'static str {
    match bound {
        ReportBinding::Manifest => "manifest digest",
        ReportBinding::Index => "index digest and image",
        ReportBinding::Content => "image ID or layers, and the digest that was named",
        ReportBinding::Declared => "the digest that was named",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uploads::{UploadConfig, Uploads};

    async fn uploaded(text: &str) -> UploadText {
        let folder = tempfile::tempdir().unwrap();
        let uploads = Uploads::open(UploadConfig::at(folder.path())).unwrap();
        let body = http_body_util::Full::new(Bytes::copy_from_slice(text.as_bytes()));
        let upload = uploads.receive("a", body, 1000).await.unwrap();
        upload.text().await.unwrap()
    }

    #[tokio::test]
    async fn reads_a_report_without_copying_it() {
        let text = uploaded(r#"{"image":"app","report":{"b": 1,  "a":1.0}}"#).await;
        let body = text.bytes.clone();
        let read = ScanBody::read(text, &HeavyWork::new()).await;
        let report = read.unwrap().report;
        assert_eq!(report, br#"{"b": 1,  "a":1.0}"#.as_slice());
        assert!(body.as_ptr_range().contains(&report.as_ptr()));
    }

    #[tokio::test]
    async fn says_which_encoding_a_body_needs() {
        for body in [
            "\u{feff}{\"report\":{}}",
            "{\"report\":\u{feff}{}}",
            "{\"report\":{\0}\0}",
        ] {
            let marked = uploaded(body).await;
            let error = ScanBody::read(marked, &HeavyWork::new()).await.err();
            let told = format!("{:?}", error.unwrap());
            assert!(told.contains("send it as UTF-8"), "{told}");
        }
    }

    #[tokio::test]
    async fn refuses_what_is_no_report() {
        let heavy = HeavyWork::new();
        let body = async |text: &str| ScanBody::read(uploaded(text).await, &heavy).await;
        for bad in [
            r#"{"image":"app"}"#,
            r#"{"report":{},"gates":"production"}"#,
            "{",
        ] {
            assert!(body(bad).await.is_err(), "{bad}");
        }
        let read = body(r#"{"image":"app","report":{}}"#).await.unwrap();
        assert!(read.report(Timestamp::UNIX_EPOCH, &heavy).await.is_err());
    }
}
