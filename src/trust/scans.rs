//! What scans say of the images that are deployed (rules 3, 7 and 8).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::judge::{Judgement, after};
use super::{CheckOutcome, DenialReason, Requirement, Scan};
use crate::oci::Image;
use crate::report::{Finding, Severity};

/// Judges the scans of `images`. `of_index`: they are the children of one.
pub(super) fn judge_scans(judgement: &mut Judgement<'_>, images: &[&Image], of_index: bool) {
    let standing: Vec<(&Image, Vec<Arc<Scan>>)> = images
        .iter()
        .map(|image| (*image, standing_scans(judgement, image)))
        .collect();
    let some_scanned = of_index && standing.iter().any(|(_, scans)| !scans.is_empty());
    for (image, scans) in &standing {
        if scans.is_empty() {
            judge_absence(judgement, image, some_scanned);
        } else {
            judge_presence(judgement, scans);
            judge_severity(judgement, scans);
        }
    }
}

/// The latest scan of each tool and submitter whose scope reaches here.
fn standing_scans(judgement: &mut Judgement<'_>, image: &Image) -> Vec<Arc<Scan>> {
    let mut latest: BTreeMap<(&str, &str), &Arc<Scan>> = BTreeMap::new();
    let subject = judgement.subject;
    let evidence = judgement.evidence;
    let counted = evidence.scans.iter().filter(|scan| {
        scan.manifest == image.manifest
            && scan.scope.covers_repository(&subject.repository)
            && scan.scope.covers_environment(subject.environment.as_str())
    });
    for scan in counted {
        if scan.scanned_at > judgement.now {
            judgement.expires(scan.scanned_at);
            continue;
        }
        let held = latest
            .entry((&scan.tool.name, &scan.submitter))
            .or_insert(scan);
        if (held.scanned_at, held.id) < (scan.scanned_at, scan.id) {
            *held = scan;
        }
    }
    latest.into_values().cloned().collect()
}

/// Rule 1: absent evidence is never a pass, unless the upstream vouches.
fn judge_absence(judgement: &mut Judgement<'_>, image: &Image, some_scanned: bool) {
    if !judgement.settings.requires(Requirement::Scan) || judgement.vouches_for(Requirement::Scan) {
        return;
    }
    let platform = image
        .platform()
        .map_or_else(String::new, |platform| format!("{platform} "));
    let (reason, detail) = if some_scanned {
        (
            DenialReason::PlatformNotScanned,
            format!("{platform}{} has no scan", image.manifest),
        )
    } else {
        (
            DenialReason::NotScanned,
            format!("{platform}{} not yet scanned", image.manifest),
        )
    };
    judgement.deny(reason, detail, "wanted by the scan job");
}

/// Rule 7: one complete and fresh scan is needed.
fn judge_presence(judgement: &mut Judgement<'_>, scans: &[Arc<Scan>]) {
    if !judgement.settings.requires(Requirement::Scan) {
        return;
    }
    for scan in scans {
        judgement.rests_on(format!("scan:{}", scan.id), from(scan));
        judgement.expires(stale_at(judgement, scan));
    }
    let complete: Vec<&Arc<Scan>> = scans
        .iter()
        .filter(|scan| incompleteness(judgement, scan).is_none())
        .collect();
    let newest = complete
        .iter()
        .copied()
        .max_by_key(|scan| stale_at(judgement, scan));
    match newest {
        None => deny_incomplete(judgement, scans),
        Some(scan) if judgement.now < stale_at(judgement, scan) => {
            let text = format!("{} scanned it at {}", scan.tool.name, scan.scanned_at);
            judgement.check("scan", CheckOutcome::Met, text);
        }
        Some(scan) => judge_stale(judgement, scan),
    }
}

fn deny_incomplete(judgement: &mut Judgement<'_>, scans: &[Arc<Scan>]) {
    let why = scans
        .iter()
        .find_map(|scan| incompleteness(judgement, scan))
        .unwrap_or_default();
    judgement.deny(
        DenialReason::ScanIncomplete,
        why,
        "scan it again, whole and unfiltered",
    );
}

/// Why a scan cannot be a pass, however few findings it lists.
fn incompleteness(judgement: &Judgement<'_>, scan: &Scan) -> Option<String> {
    let settings = judgement.settings;
    if let Some(cause) = scan.incomplete.first() {
        return Some(cause.to_string());
    }
    if scan.end_of_life && !settings.allow_end_of_life {
        return Some("its operating system is past its end of life".to_owned());
    }
    match scan.database_at {
        None if settings.require_database_date => {
            Some("the report does not date its vulnerability database".to_owned())
        }
        _ => None,
    }
}

/// The age of a report counts from the earlier of scanned and received.
fn from(scan: &Scan) -> Timestamp {
    scan.scanned_at.min(scan.received_at)
}

/// When a scan turns stale. One whose database was too old when it was made
/// never was fresh.
fn stale_at(judgement: &Judgement<'_>, scan: &Scan) -> Timestamp {
    let settings = judgement.settings;
    let database_too_old = scan
        .database_at
        .is_some_and(|built| after(built, settings.max_database_age) < scan.scanned_at);
    if database_too_old {
        from(scan)
    } else {
        after(from(scan), settings.max_report_age)
    }
}

fn judge_stale(judgement: &mut Judgement<'_>, scan: &Scan) {
    let days = |from: Timestamp, to: Timestamp| to.duration_since(from).as_hours() / 24;
    let stale_at = stale_at(judgement, scan);
    let detail = if stale_at == from(scan) {
        "the scanner's database was too old at the scan".to_owned()
    } else {
        format!(
            "scan is {}d old, limit {}d",
            days(from(scan), judgement.now),
            judgement.settings.max_report_age.as_hours() / 24
        )
    };
    let grace_ends = after(stale_at, judgement.settings.grace_for_admitted);
    if judgement.evidence.first_served.is_some() && judgement.now < grace_ends {
        judgement.expires(grace_ends);
        let text = format!("{detail}; denied from {grace_ends}");
        judgement.check("scan", CheckOutcome::Warned, text);
    } else {
        judgement.deny(DenialReason::ScanStale, detail, "rescan, no rebuild");
    }
}

/// Rule 3: the worst finding against the ceiling; across tools the worst decides.
fn judge_severity(judgement: &mut Judgement<'_>, scans: &[Arc<Scan>]) {
    let ceiling = judgement.settings.ceilings.of(judgement.exposure);
    let unknown = judgement.settings.unknown_severity;
    let rated = |finding: &Finding| finding.severity.unwrap_or(unknown);
    for scan in scans {
        let over = || {
            scan.findings
                .iter()
                .filter(|finding| rated(finding) > ceiling)
        };
        let Some(worst) = over().max_by_key(|finding| rated(finding)) else {
            continue;
        };
        let detail = format!(
            "{}{}; {}/{} allows {ceiling}",
            describe(worst, rated(worst)),
            others(over().count() - 1),
            judgement.subject.environment,
            judgement.exposure,
        );
        judge_worse(judgement, scan, detail);
    }
    let severe = |finding: &Finding| rated(finding) > ceiling;
    if !scans.iter().any(|scan| scan.findings.iter().any(severe)) {
        let text = format!("nothing above {ceiling}, as {} demands", judgement.exposure);
        judgement.check("ceiling", CheckOutcome::Met, text);
    }
}

/// A new report that is worse may be granted some time for what was served.
fn judge_worse(judgement: &mut Judgement<'_>, scan: &Scan, detail: String) {
    let grace_ends = after(scan.received_at, judgement.settings.grace_for_worse);
    let served_before = judgement
        .evidence
        .first_served
        .is_some_and(|served| served < scan.received_at);
    if served_before && judgement.now < grace_ends {
        judgement.expires(grace_ends);
        let text = format!("{detail}; denied from {grace_ends}");
        judgement.check("ceiling", CheckOutcome::Warned, text);
    } else {
        judgement.deny(
            DenialReason::TooSevere,
            detail,
            "rebuild with the fix, or ask",
        );
    }
}

fn describe(finding: &Finding, severity: Severity) -> String {
    let fixed = match &finding.fixed {
        Some(version) => format!(", fixed {version}"),
        None => ", no fix yet".to_owned(),
    };
    format!(
        "{} {} {} {}{fixed}",
        finding.id,
        severity.as_str().to_uppercase(),
        finding.package,
        finding.installed
    )
}

fn others(count: usize) -> String {
    match count {
        0 => String::new(),
        count => format!(" (+{count} more)"),
    }
}
