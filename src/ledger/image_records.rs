//! All that is on record of one image: its scans over time, and who let it in where. For
//! people who look at it, not for judgement.

use std::collections::{HashMap, HashSet};

use futures_util::TryStreamExt;
use jiff::Timestamp;
use tokio::task::yield_now;

use super::scans::{ALL_TIME, ScanRow, current_ids, read_all};
use super::sql::query;
use super::{Ledger, LedgerError, columns};
use crate::metrics::LedgerVerb;
use crate::oci::{Digest, Repository};
use crate::report::{Finding, Severity};
use crate::trust::{EnvironmentName, Promotion, Scan};

/// Findings that are read before others of the same thread have their turn.
const READ_BEFORE_OTHERS: usize = 256;

/// A scan as it is on record, without what it lists.
#[derive(Clone, Debug)]
pub struct RecordedScan {
    pub scan: Scan,
    /// Nothing newer has replaced it.
    pub stands: bool,
    /// How many findings it has of each severity; `None`: the scanner did not rate them.
    pub findings: HashMap<Option<Severity>, u64>,
}

type PromotionRow = (
    i64,
    String,
    String,
    String,
    Option<String>,
    String,
    i64,
    Option<String>,
    Option<String>,
    bool,
);

impl Ledger {
    /// The scans of a manifest that were not withdrawn, the newest first, at most `limit`.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn scan_history(
        &self,
        manifest: &Digest,
        limit: u32,
    ) -> Result<Vec<RecordedScan>, LedgerError> {
        let _timed = self.timed(LedgerVerb::ScanCoverage);
        let (scans, standing) = self.newest_scans(manifest, limit).await?;
        let mut counts = self.severities_of(&scans).await?;
        let recorded = scans.into_iter().map(|scan| RecordedScan {
            stands: standing.contains(&scan.id),
            findings: counts.remove(&scan.id).unwrap_or_default(),
            scan,
        });
        Ok(recorded.collect())
    }

    /// The same without what they find, which is long to count: those that stand, and those
    /// that a newer one has replaced.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn standing_and_replaced(
        &self,
        manifest: &Digest,
        limit: u32,
    ) -> Result<(Vec<Scan>, Vec<Scan>), LedgerError> {
        let _timed = self.timed(LedgerVerb::ScanCoverage);
        let (scans, standing) = self.newest_scans(manifest, limit).await?;
        let scans = scans.into_iter();
        Ok(scans.partition(|scan| standing.contains(&scan.id)))
    }

    /// With the ids of those that stand.
    async fn newest_scans(
        &self,
        manifest: &Digest,
        limit: u32,
    ) -> Result<(Vec<Scan>, HashSet<i64>), LedgerError> {
        let kept = "SELECT id, body FROM scans WHERE withdrawn_at IS NULL AND manifest = ? \
                    ORDER BY scanned_at DESC, id DESC LIMIT ?";
        let rows: Vec<ScanRow> = query(kept)
            .bind(manifest.to_string())
            .bind(limit)
            .all(&self.readers)
            .await?;
        let scans = read_all(rows)?;
        let standing = current_ids(&scans, ALL_TIME)?;
        Ok((scans, standing))
    }

    /// Shows what the standing scans among `scans` find, one by one: together it may take
    /// hundreds of megabytes.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn each_finding_of(
        &self,
        scans: &[RecordedScan],
        mut look: impl FnMut(&RecordedScan, Finding),
    ) -> Result<(), LedgerError> {
        let _timed = self.timed(LedgerVerb::FindingsNaming);
        let of = "SELECT body FROM findings WHERE scan = ? ORDER BY ordinal";
        let mut reading = self.readers.acquire().await?;
        for by in scans.iter().filter(|it| it.stands) {
            let mut rows = query(of).bind(by.scan.id).rows::<(String,)>(&mut reading);
            let mut read = 0_usize;
            while let Some((body,)) = rows.try_next().await? {
                look(by, columns::body(&body)?);
                read += 1;
                if read.is_multiple_of(READ_BEFORE_OTHERS) {
                    yield_now().await;
                }
            }
        }
        Ok(())
    }

    async fn severities_of(
        &self,
        scans: &[Scan],
    ) -> Result<HashMap<i64, HashMap<Option<Severity>, u64>>, LedgerError> {
        let ids: Vec<i64> = scans.iter().map(|scan| scan.id).collect();
        let counted = "SELECT scan, body ->> '$.severity' AS severity, count(*) FROM findings \
                       WHERE scan IN (SELECT value FROM json_each(?)) GROUP BY scan, severity";
        let rows: Vec<(i64, Option<String>, i64)> =
            query(counted).bind(ids).all(&self.readers).await?;
        let mut found: HashMap<i64, HashMap<Option<Severity>, u64>> = HashMap::new();
        for (scan, severity, count) in rows {
            let severity = severity.map(|word| columns::body(&format!("{word:?}")));
            let counts = found.entry(scan).or_default();
            counts.insert(severity.transpose()?, columns::unsigned(count)?);
        }
        Ok(found)
    }

    /// The promotions of these digests that stand, in every environment and repository, the
    /// newest first.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn promotions_on<'a>(
        &self,
        digests: impl IntoIterator<Item = &'a Digest>,
    ) -> Result<Vec<Promotion>, LedgerError> {
        let _timed = self.timed(LedgerVerb::KnownPlaces);
        let of = "SELECT id, environment, repository, digest, tag, promoter, promoted_at, \
                  reason, link, forced FROM promotions WHERE withdrawn_at IS NULL \
                  AND digest IN (SELECT value FROM json_each(?)) ORDER BY id DESC";
        let rows: Vec<PromotionRow> = query(of)
            .bind(columns::list(digests))
            .all(&self.readers)
            .await?;
        rows.into_iter().map(promotion).collect()
    }

    /// When a manifest was first seen in the repositories and environments that are visible.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn first_seen_at(
        &self,
        digest: &Digest,
        is_visible: impl Fn(&Repository, &EnvironmentName) -> bool,
    ) -> Result<Option<Timestamp>, LedgerError> {
        let first = "SELECT environment, repository, min(first_seen) FROM facts \
                     WHERE digest = ? GROUP BY environment, repository";
        let rows: Vec<(String, String, i64)> = query(first)
            .bind(digest.to_string())
            .all(&self.readers)
            .await?;
        let mut earliest = None;
        for (environment, repository, at) in rows {
            if is_visible(&columns::text(&repository)?, &columns::text(&environment)?) {
                earliest = Some(earliest.map_or(at, |before: i64| before.min(at)));
            }
        }
        columns::time_if(earliest)
    }
}

fn promotion(row: PromotionRow) -> Result<Promotion, LedgerError> {
    let (id, environment, repository, digest, tag, promoter, at, reason, link, forced) = row;
    Ok(Promotion {
        id,
        environment: columns::text(&environment)?,
        repository: columns::text(&repository)?,
        digest: columns::text(&digest)?,
        tag: tag.as_deref().map(columns::text).transpose()?,
        promoter,
        promoted_at: columns::time(at)?,
        reason,
        link,
        forced,
    })
}
