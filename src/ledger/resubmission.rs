//! A report that is handed in once more: what was known of it stays known.
//!
//! The date of a vulnerability database often travels beside the report (`--scanner-info`)
//! and is left out the next time. It belongs to the run of the scanner: reports of one
//! submitter, tool and scope with the same time of scan are of one run. A report that
//! tells no time is the same where all that it says is: handed in again it becomes no newer,
//! unless its submitter declares when it was made, which makes it another scan.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::new_scan::{NewScan, ScanTarget};
use super::sql::{SqlConnection, query};
use super::unbound::bound_fingerprint;
use super::{Ledger, LedgerError, columns};
use crate::trust::{Scan, TimeSource};

/// Earlier reports that are compared, at most; the newest.
const MAX_COMPARED: u32 = 32;

/// A report, completed by what was known of it.
pub(super) struct CompletedScan {
    pub new: NewScan,
    pub fingerprint: String,
    /// Since when it counts, where it says no time itself and was handed in before.
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
        if new.time_source() == TimeSource::Receipt {
            return self.complete_timeless(new, fingerprint, earlier).await;
        }
        let same_run = earlier.iter().map(|(scan, _)| scan);
        let same_run = same_run.filter(|scan| is_same_run(scan, &new));
        let (database_at, version) = known_of(same_run);
        self.with(new, fingerprint, (database_at, version)).await
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

    /// One that says no time, and of which none is declared now, is the newest scan of which
    /// all else is the same, with the time that was declared of that.
    async fn complete_timeless(
        &self,
        mut new: NewScan,
        fingerprint: String,
        mut earlier: Vec<(Scan, String)>,
    ) -> Result<CompletedScan, LedgerError> {
        let own = (new.database_at, new.tool.version.clone());
        earlier.retain(|(scan, _)| scan.told_by() != TimeSource::Report);
        earlier.sort_by_key(|(scan, _)| Reverse((scan.scanned_at, scan.id)));
        for (scan, known) in earlier {
            let (tried, is_same) = self.says_the_same(new, &scan, &known).await?;
            new = tried;
            (new.database_at, new.tool.version) = own.clone();
            if is_same {
                let (new, fingerprint) = self.fingerprinted(new).await?;
                let said = (scan.database_at, scan.tool.version);
                let completed = self.with(new, fingerprint, said).await?;
                return Ok(CompletedScan {
                    counts_from: Some(scan.scanned_at),
                    ..completed
                });
            }
            new.declared_at = None;
        }
        self.with(new, fingerprint, (None, None)).await
    }

    /// As [`Ledger::would_be`]; an earlier one may have come before sources were read.
    async fn says_the_same(
        &self,
        new: NewScan,
        scan: &Scan,
        known: &str,
    ) -> Result<(NewScan, bool), LedgerError> {
        let (mut new, is_same) = self.would_be(new, scan, known).await?;
        if is_same || !new.names_sources() {
            return Ok((new, is_same));
        }
        let sources = new.take_sources();
        let (mut new, is_same) = self.would_be(new, scan, known).await?;
        new.put_sources(sources);
        Ok((new, is_same))
    }

    /// Whether a report would be an earlier one, whose fingerprint is `known`, with what came
    /// beside that. It is returned with the date and the version of that, and its declared time.
    async fn would_be(
        &self,
        mut new: NewScan,
        scan: &Scan,
        known: &str,
    ) -> Result<(NewScan, bool), LedgerError> {
        new.database_at = scan.database_at;
        new.tool.version = scan.tool.version.clone();
        new.declared_at = match scan.told_by() {
            TimeSource::Submitter(declared) => Some(declared),
            TimeSource::Report | TimeSource::Receipt => None,
        };
        let Some(image_id) = &scan.bound_from else {
            let (new, fingerprint) = self.fingerprinted(new).await?;
            return Ok((new, fingerprint == known));
        };
        // It was handed in before the push, and bound to the manifest.
        let about = std::mem::replace(&mut new.about, ScanTarget::ImageId(image_id.clone()));
        let (mut new, unbound) = self.fingerprinted(new).await?;
        new.about = about;
        let fingerprint = bound_fingerprint(&unbound, &scan.manifest, &scan.scope)?;
        Ok((new, fingerprint == known))
    }
}

/// Whether an earlier scan is of the run of the scanner that a report with a time is of.
fn is_same_run(scan: &Scan, new: &NewScan) -> bool {
    match (scan.told_by(), new.declared_at) {
        (TimeSource::Submitter(at), Some(declared)) => at == declared,
        (TimeSource::Submitter(_), None) => false,
        (TimeSource::Report | TimeSource::Receipt, _) => new.scanned_at == Some(scan.scanned_at),
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
