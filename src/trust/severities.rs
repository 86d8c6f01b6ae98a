//! The worst finding against the ceiling of the exposure (rule 3); across tools
//! the worst decides (rule 8), and a worse report may have grace (rule 7).

use jiff::Timestamp;

use super::judgement::{Judgement, after};
use super::scans::counting_scans;
use super::{CheckOutcome, DenialReason, Scan};
use crate::oci::Digest;
use crate::report::{Finding, Severity};

/// Judges the findings of the scans that stand for an image.
pub(super) fn judge_severity(judgement: &mut Judgement<'_>, manifest: &Digest, scans: &[&Scan]) {
    let bound = Bound::of(judgement);
    let mut exceeded = false;
    for scan in scans {
        if let Some(excess) = bound.excess(scan) {
            exceeded = true;
            let (environment, exposure) = (&judgement.subject.environment, judgement.exposure);
            let detail = format!(
                "{excess}; {environment}/{exposure} allows {}",
                bound.ceiling
            );
            judge_worse(judgement, manifest, bound, detail);
        }
    }
    if !exceeded {
        let (ceiling, exposure) = (bound.ceiling, judgement.exposure);
        let text = format!("nothing above {ceiling}, as {exposure} demands");
        judgement.check("ceiling", CheckOutcome::Met, text);
    }
}

/// The worst severity that passes, and what an unrated finding counts as.
#[derive(Clone, Copy)]
struct Bound {
    ceiling: Severity,
    unknown: Severity,
}

impl Bound {
    fn of(judgement: &Judgement<'_>) -> Self {
        Self {
            ceiling: judgement.settings.ceilings.of(judgement.exposure),
            unknown: judgement.settings.unknown_severity,
        }
    }

    fn rate(self, finding: &Finding) -> Severity {
        finding.severity.unwrap_or(self.unknown)
    }

    fn exceeding(self, scan: &Scan) -> impl Iterator<Item = &Finding> {
        let findings = scan.findings.iter();
        findings.filter(move |finding| self.rate(finding) > self.ceiling)
    }

    /// The worst finding above the ceiling, and how many more there are.
    fn excess(self, scan: &Scan) -> Option<String> {
        let worst = self.exceeding(scan).max_by_key(|it| self.rate(it))?;
        let description = describe(worst, self.rate(worst));
        Some(match self.exceeding(scan).count() {
            1 => description,
            count => format!("{description} (+{} more)", count - 1),
        })
    }
}

/// What was served before the first bad report may have some time. It counts
/// from that first one, so that scanning again does not prolong it.
fn judge_worse(judgement: &mut Judgement<'_>, manifest: &Digest, bound: Bound, detail: String) {
    let grace_ends = first_exceeded(judgement, manifest, bound)
        .filter(|bad| judgement.evidence.first_served.is_some_and(|it| it < *bad))
        .map(|bad| after(bad, judgement.settings.grace_for_worse))
        .filter(|ends| judgement.now < *ends);
    match grace_ends {
        Some(ends) => {
            judgement.expires(ends);
            let text = format!("{detail}; denied from {ends}");
            judgement.check("ceiling", CheckOutcome::Warned, text);
        }
        None => judgement.deny(
            DenialReason::TooSevere,
            detail,
            "rebuild with the fix, or ask",
        ),
    }
}

/// When the first report on record that exceeds the bound came in.
fn first_exceeded(judgement: &Judgement<'_>, manifest: &Digest, bound: Bound) -> Option<Timestamp> {
    counting_scans(judgement, manifest)
        .filter(|scan| bound.exceeding(scan).next().is_some())
        .map(|scan| scan.received_at)
        .min()
}

fn describe(finding: &Finding, severity: Severity) -> String {
    let (id, package, installed) = (&finding.id, &finding.package, &finding.installed);
    let severity = severity.as_str().to_uppercase();
    match &finding.fixed {
        Some(fixed) => format!("{id} {severity} {package} {installed}, fixed {fixed}"),
        None => format!("{id} {severity} {package} {installed}, no fix yet"),
    }
}
