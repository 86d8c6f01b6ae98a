//! Whether a report that was handed in counts, or a newer one stands in its place.

use super::Admin;
use super::error::AdminError;
use super::submission::Submission;
use crate::api::NewerScanView;
use crate::ledger::TakenScan;
use crate::oci::Digest;
use crate::trust::Scan;

/// Scans of one manifest that are looked at, at most: the newest.
const MAX_SCANS: u32 = 50;

/// The scan that stands in the place of the one that was taken for `manifest`.
///
/// # Errors
/// Where the records cannot be read.
pub(super) async fn newer_of_pushed(
    admin: &Admin,
    manifest: &Digest,
    taken: TakenScan,
) -> Result<Option<NewerScanView>, AdminError> {
    let ledger = &admin.ledger;
    let (standing, replaced) = ledger.standing_and_replaced(manifest, MAX_SCANS).await?;
    let Some(own) = replaced.iter().find(|it| it.id == taken.id) else {
        return Ok(None);
    };
    let newer = standing.iter().find(|newer| {
        newer.series() == own.series()
            && newer.scope == own.scope
            && newer.rank().replaces(own.rank())
    });
    Ok(newer.map(|it| view(it, "scan:")))
}

/// The same of one that was taken for an image ID, before the push.
///
/// # Errors
/// Where the records cannot be read.
pub(super) async fn newer_of_unpushed(
    admin: &Admin,
    image_id: &Digest,
    submission: &Submission<'_>,
    taken: TakenScan,
) -> Result<Option<NewerScanView>, AdminError> {
    let (who, now) = (submission.principal, submission.now);
    let standing = admin.ledger.unbound_heads(image_id, who.name(), now);
    let standing = standing.await?;
    if standing.iter().any(|it| it.id == taken.id) {
        return Ok(None);
    }
    let newer = standing.iter().find(|it| {
        it.tool.name == submission.report.tool.name
            && it.scope == *who.scope()
            && it.scanned_at >= taken.scanned_at
    });
    Ok(newer.map(|it| view(it, "unbound-scan:")))
}

fn view(scan: &Scan, kind: &str) -> NewerScanView {
    NewerScanView {
        id: format!("{kind}{}", scan.id),
        scanned_at: scan.scanned_at,
    }
}
