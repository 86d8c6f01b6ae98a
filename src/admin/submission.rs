//! A submitted scan report, for an image in a registry or for one that is not pushed yet.

use jiff::Timestamp;

use super::authenticate::forbidden;
use super::error::AdminError;
use crate::access::Principal;
use crate::api::{ScanAnswer, SeverityCounts, ToolView};
use crate::ledger::{NewScan, ScanTarget};
use crate::report::{ReportBinding, ScanReport};
use crate::trust::EnvironmentName;

/// A submitted report, with the submitter and the time.
pub(super) struct Submission<'a> {
    pub(super) principal: &'a Principal,
    pub(super) report: ScanReport,
    /// Judge it for this environment.
    pub(super) gate: Option<EnvironmentName>,
    pub(super) now: Timestamp,
    counts: SeverityCounts,
}

impl<'a> Submission<'a> {
    pub(super) fn new(
        principal: &'a Principal,
        report: ScanReport,
        gate: Option<EnvironmentName>,
        now: Timestamp,
    ) -> Self {
        Self {
            counts: SeverityCounts::of(&report.findings),
            principal,
            report,
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
            scanned_at: report.scanned_at.map(|at| at.min(now)),
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

/// The answer to a submission that counts with this date of its database, without the
/// fields that only a pushed image has.
pub(super) fn answer(
    id: String,
    database_at: Option<Timestamp>,
    image: String,
    bound: ReportBinding,
    submission: Submission<'_>,
) -> ScanAnswer {
    let Submission {
        report,
        now,
        counts,
        ..
    } = submission;
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
        bound_by: bound_by(bound).to_owned(),
        scanned_at: report.scanned_at.unwrap_or(now).min(now),
        database_at,
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
