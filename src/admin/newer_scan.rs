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
    let history = admin.ledger.scan_history(manifest, MAX_SCANS).await?;
    let own = history.iter().find(|it| it.scan.id == taken.id);
    let Some(own) = own.filter(|it| !it.stands) else {
        return Ok(None);
    };
    let mut standing = history.iter().filter(|it| it.stands).map(|it| &it.scan);
    let newer = standing.find(|it| {
        let (newer, older) = (it, &own.scan);
        newer.series() == older.series()
            && newer.scope == older.scope
            && newer.rank().replaces(older.rank())
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
    let standing = admin.ledger.unbound_scans(image_id, who.name(), now);
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
