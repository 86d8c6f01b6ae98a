//! A report that is handed in once more: what was known of it stays known.
//!
//! The date of a vulnerability database often travels beside the report (`--scanner-info`)
//! and is left out the next time. It belongs to the run of the scanner: reports of one
//! submitter, tool and scope with the same time of scan are of one run. A report that
//! tells no time is the same where all that it says is.

use jiff::Timestamp;

use super::new_scan::{NewScan, ScanTarget};
use super::sql::{SqlConnection, query};
use super::{Ledger, LedgerError, columns};
use crate::trust::Scan;

/// Earlier reports that are compared, at most; the newest.
const MAX_COMPARED: u32 = 32;

/// A report, completed by what was known of it.
pub(super) struct CompletedScan {
    pub new: NewScan,
    pub fingerprint: String,
    /// When it was first handed in, where it says no time itself and was before.
    pub counts_from: Option<Timestamp>,
}

impl Ledger {
    /// Adds to a report what an earlier submission of it said.
    pub(super) async fn complete(
        &self,
        sql: &mut SqlConnection,
        new: NewScan,
        fingerprint: String,
    ) -> Result<CompletedScan, LedgerError> {
        let earlier = earlier(sql, &new).await?;
        match new.scanned_at {
            Some(at) => {
                let same_run = earlier.iter().map(|(scan, _)| scan);
                let same_run = same_run.filter(|scan| scan.scanned_at == at);
                let (database_at, version) = known_of(same_run);
                self.with(new, fingerprint, (database_at, version)).await
            }
            None => self.complete_timeless(new, fingerprint, earlier).await,
        }
    }

    async fn with(
        &self,
        mut new: NewScan,
        fingerprint: String,
        (database_at, version): (Option<Timestamp>, Option<String>),
    ) -> Result<CompletedScan, LedgerError> {
        let before = (new.database_at, new.tool.version.clone());
        new.database_at = new.database_at.or(database_at);
        new.tool.version = new.tool.version.or(version);
        let (new, fingerprint) = match before == (new.database_at, new.tool.version.clone()) {
            true => (new, fingerprint),
            false => self.fingerprinted(new).await?,
        };
        Ok(CompletedScan {
            new,
            fingerprint,
            counts_from: None,
        })
    }

    async fn complete_timeless(
        &self,
        mut new: NewScan,
        fingerprint: String,
        earlier: Vec<(Scan, String)>,
    ) -> Result<CompletedScan, LedgerError> {
        let own = (new.database_at, new.tool.version.clone());
        let timeless = earlier.into_iter();
        let timeless = timeless.filter(|(scan, _)| scan.scanned_at == scan.received_at);
        for (scan, known) in timeless {
            new.database_at = scan.database_at;
            new.tool.version = scan.tool.version.clone();
            let (tried, as_before) = self.fingerprinted(new).await?;
            new = tried;
            (new.database_at, new.tool.version) = own.clone();
            if as_before == known {
                let said = (scan.database_at, scan.tool.version);
                let completed = self.with(new, fingerprint, said).await?;
                return Ok(CompletedScan {
                    counts_from: Some(scan.scanned_at),
                    ..completed
                });
            }
        }
        self.with(new, fingerprint, (None, None)).await
    }
}

/// The newest that is said of each.
fn known_of<'a>(
    scans: impl Iterator<Item = &'a Scan> + Clone,
) -> (Option<Timestamp>, Option<String>) {
    let database_at = scans.clone().find_map(|scan| scan.database_at);
    let version = scans.clone().find_map(|scan| scan.tool.version.clone());
    (database_at, version)
}

/// What the submitter handed in before of the same target, with the same tool and scope;
/// the newest first, each with its fingerprint.
async fn earlier(
    sql: &mut SqlConnection,
    new: &NewScan,
) -> Result<Vec<(Scan, String)>, LedgerError> {
    let (of, target) = match &new.about {
        ScanTarget::Manifest(manifest) => (
            "SELECT body, fingerprint FROM scans WHERE manifest = ? AND submitter = ? \
             AND withdrawn_at IS NULL ORDER BY id DESC LIMIT ?",
            manifest,
        ),
        ScanTarget::ImageId(image_id) => (
            "SELECT body, fingerprint FROM unbound_scans WHERE image_id = ? AND submitter = ? \
             AND withdrawn_at IS NULL ORDER BY id DESC LIMIT ?",
            image_id,
        ),
    };
    let rows: Vec<(String, String)> = query(of)
        .bind(target.to_string())
        .bind(&new.submitter)
        .bind(MAX_COMPARED)
        .all(sql)
        .await?;
    let mut same = Vec::new();
    for (body, fingerprint) in rows {
        let scan: Scan = columns::body(&body)?;
        if scan.tool.name == new.tool.name && scan.format == new.format && scan.scope == new.scope {
            same.push((scan, fingerprint));
        }
    }
    Ok(same)
}
