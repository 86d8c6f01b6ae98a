//! The body of `POST /api/v1/scans`, which may be large: parsed in the blocking pool,
//! without copying the report.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::error::AdminError;
use crate::api::{FormatChoice, ScanSubmission};
use crate::oci::Digest;
use crate::report::{self, ScanReport, ScannerInfo};
use crate::tasks::HeavyWork;
use crate::trust::EnvironmentName;
use crate::uploads::UploadText;

/// A valid body whose report is not parsed yet.
pub(super) struct ScanBody {
    pub(super) image: Option<String>,
    pub(super) image_id: Option<Digest>,
    pub(super) gate: Option<EnvironmentName>,
    format: FormatChoice,
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
            _text: text,
        })
    }

    /// Reads the report, and forgets its text.
    pub(super) async fn report(self, heavy: &HeavyWork) -> Result<ScanReport, AdminError> {
        heavy.run(move || self.parse_report()).await?
    }

    fn parse_report(&self) -> Result<ScanReport, AdminError> {
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
        assert!(read.report(&heavy).await.is_err());
    }
}
