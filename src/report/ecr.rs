//! The scan of an image in AWS ECR, as `ecr describe-image-scan-findings` prints it: of
//! basic scanning, and of enhanced, which is Inspector's.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::counted::{Counted, Tally};
use super::gather::{Few, each};
use super::inspector::{InspectorFinding, Listed, paged};
use super::table::Table;
use super::{
    Finding, Format, Incomplete, ReportError, ReportSubject, ScanReport, Severity, field, rating,
};
use crate::oci::printable;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(default)]
    repository_name: String,
    #[serde(default)]
    image_id: ImageId,
    image_scan_status: Option<ScanStatus>,
    #[serde(borrow)]
    image_scan_findings: Option<ScanFindings<'a>>,
    #[serde(borrow)]
    next_token: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImageId {
    #[serde(default)]
    image_digest: String,
}

#[derive(Deserialize)]
struct ScanStatus {
    #[serde(default)]
    status: String,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScanFindings<'a> {
    #[serde(borrow)]
    image_scan_completed_at: Option<&'a RawValue>,
    #[serde(borrow)]
    vulnerability_source_updated_at: Option<&'a RawValue>,
    finding_severity_counts: Option<Table<u64>>,
    #[serde(borrow)]
    findings: Option<&'a RawValue>,
    #[serde(borrow)]
    enhanced_findings: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct BasicFinding {
    name: String,
    #[serde(default)]
    severity: String,
    attributes: Option<Few<Attribute>>,
}

#[derive(Deserialize)]
struct Attribute {
    key: String,
    #[serde(default)]
    value: String,
}

/// Reads a document that is known to be strict JSON.
pub(super) fn read(document: &str) -> Result<ScanReport, ReportError> {
    let document: Document<'_> =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    let mut listed = Listed::default();
    if let Some(found) = &document.image_scan_findings {
        each("enhancedFindings", found.enhanced_findings, |one| {
            let one: InspectorFinding<'_> = one;
            listed.add(one)
        })?;
        each("findings", found.findings, |one: BasicFinding| {
            let finding = one.finding()?;
            listed.tally.add(finding.severity);
            listed.findings.push(finding)
        })?;
    }
    let report = ScanReport {
        subject: document.subject(&listed)?,
        scanned_at: document.time(|found| found.image_scan_completed_at)?,
        database_at: document.time(|found| found.vulnerability_source_updated_at)?,
        incomplete: document.incomplete(listed.tally),
        findings: listed.findings.distinct(),
        ..ScanReport::blank(Format::Ecr, "ecr")
    };
    Ok(report.named_by_digest())
}

impl<'a> Document<'a> {
    fn subject(&self, listed: &Listed) -> Result<ReportSubject, ReportError> {
        let digest = field::digest("imageId.imageDigest", &self.image_id.image_digest)?;
        match (&digest, &listed.image) {
            (Some(first), Some(other)) if first != other => Err(ReportError::SeveralImages {
                first: first.to_string(),
                other: other.to_string(),
            }),
            _ => Ok(ReportSubject {
                manifests: digest.into_iter().collect(),
                name: Some(printable(&self.repository_name, 512)).filter(|name| !name.is_empty()),
                ..ReportSubject::default()
            }),
        }
    }

    fn time(
        &self,
        of: impl FnOnce(&ScanFindings<'a>) -> Option<&'a RawValue>,
    ) -> Result<Option<Timestamp>, ReportError> {
        let Some(value) = self.image_scan_findings.as_ref().and_then(of) else {
            return Ok(None);
        };
        // The command prints seconds, later versions of it text.
        match value.get().parse::<f64>() {
            Ok(seconds) => Ok(seconds_since_epoch(seconds)),
            Err(_) => field::time("imageScanFindings", Some(value)),
        }
    }

    /// Only a scan that ended, whole, on one page, is one.
    fn incomplete(&self, tally: Tally) -> Vec<Incomplete> {
        let failed = |why: String| Incomplete::Failed(printable(&why, 200));
        let unproven = |what: &str| Incomplete::Unproven(what.to_owned());
        let mut causes: Vec<_> = paged(self.next_token).into_iter().collect();
        match &self.image_scan_status {
            Some(state) if matches!(&*state.status, "COMPLETE" | "ACTIVE") => {}
            Some(state) => causes.push(failed(format!("{} {}", state.status, state.description))),
            None => causes.push(unproven("it has no status")),
        }
        let found = self.image_scan_findings.as_ref();
        match found.and_then(|found| found.finding_severity_counts.as_ref()) {
            Some(counts) => causes.extend(counted(counts).shortfall(tally)),
            None => causes.push(unproven("it counts nothing")),
        }
        if found.is_none_or(|found| found.image_scan_completed_at.is_none()) {
            causes.push(unproven("it does not say when"));
        }
        causes
    }
}

fn counted(counts: &Table<u64>) -> Counted {
    let of = |word: &str| counts.0.get(word).copied().unwrap_or(0);
    Counted {
        critical: of("CRITICAL"),
        high: of("HIGH"),
        medium: of("MEDIUM"),
        low: of("LOW"),
        total: counts.0.values().copied().fold(0, u64::saturating_add),
    }
}

fn seconds_since_epoch(seconds: f64) -> Option<Timestamp> {
    let since = SignedDuration::try_from_secs_f64(seconds).ok()?;
    let time = Timestamp::from_duration(since).ok()?;
    (time > Timestamp::UNIX_EPOCH).then_some(time)
}

impl BasicFinding {
    fn finding(&self) -> Result<Finding, ReportError> {
        let id = field::id("name", self.name.clone())?;
        let attribute = |key: &str| self.attribute(key).to_owned();
        Ok(Finding {
            aliases: field::aliases("name", &id, [])?,
            mentioned: Vec::new(),
            severity: self.rating(&id)?,
            id,
            package: field::text("package_name", attribute("package_name"))?,
            purl: None,
            installed: field::text("package_version", attribute("package_version"))?,
            fixed: field::for_people(&attribute("fixed_in_version")),
            severity_source: None,
            status: None,
            source: None,
        })
    }

    fn attribute(&self, key: &str) -> &str {
        let all = self.attributes.iter().flat_map(|few| &few.0);
        let found = all.into_iter().find(|attribute| attribute.key == key);
        found.map_or("", |attribute| &attribute.value)
    }

    /// Its word; where that says nothing, the gravest of its CVSS.
    fn rating(&self, id: &str) -> Result<Option<Severity>, ReportError> {
        if self.severity.is_empty() {
            return Err(ReportError::Unrated {
                id: id.to_owned(),
                format: Format::Ecr,
            });
        }
        let rated = Severity::from_aws(&self.severity)?;
        if rated.is_some() {
            return Ok(rated);
        }
        let mut gravest = None;
        for key in ["CVSS4_VECTOR", "CVSS3_VECTOR", "CVSS2_VECTOR"] {
            gravest = gravest.max(rating::of_vector(key, self.attribute(key))?);
        }
        for key in ["CVSS4_SCORE", "CVSS3_SCORE", "CVSS2_SCORE"] {
            gravest = gravest.max(rating::leading_score(self.attribute(key)));
        }
        Ok(gravest)
    }
}
