//! Findings as rows: how grave, where, what mends it, and what was said of it.

use crate::api::FindingView;
use crate::oci::readable;
use crate::trust::FindingOutcome;

/// Findings that a page lists; the API has more.
pub(super) const MAX_FINDINGS_LISTED: usize = 200;

/// One finding.
pub(super) struct FindingRow {
    pub id: String,
    pub severity: &'static str,
    /// As the scanner rated it, where it counts as something else.
    pub reported: Option<&'static str>,
    pub package: String,
    pub installed: String,
    pub fixed: Option<String>,
    pub tool: String,
    pub outcome: &'static str,
    /// Whether it denies.
    pub denies: bool,
    /// The exception or advisory that decided, with its reason.
    pub by: Option<String>,
}

impl FindingRow {
    pub fn new(finding: &FindingView) -> Self {
        let outcome = finding.outcome;
        let reported = finding.reported.filter(|it| *it != finding.severity);
        Self {
            id: readable(&finding.id, 200),
            severity: finding.severity.as_str(),
            reported: reported.map(|it| it.as_str()),
            package: readable(&finding.package, 200),
            installed: readable(&finding.installed, 100),
            fixed: finding.fixed.as_deref().map(|it| readable(it, 100)),
            tool: readable(&finding.tool, 100),
            outcome: outcome.as_str(),
            denies: matches!(outcome, FindingOutcome::TooSevere | FindingOutcome::Blocked),
            by: finding.by.as_ref().map(|by| {
                let (kind, id, reason) = (&by.kind, &by.id, readable(&by.reason, 300));
                format!("{kind} {id}: {reason}")
            }),
        }
    }
}
