//! Scans: kept with what they list, read for judgement.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::scan_items::BOUND_TABLES;
use super::sql::{SqlConnection, query};
use super::{Ledger, LedgerError, columns, first_reported};
use crate::oci::Digest;
use crate::trust::{NewerScans, Scan};

/// For lists that people read, which judge nothing: by the clock of those who handed in.
pub(super) const ALL_TIME: Timestamp = Timestamp::MAX;

/// Scans by different tools that stand for one manifest, of one submitter, at most.
const MAX_STANDING_OF_ONE: usize = 16;
/// Findings and packages of those, where they are several: as many as one alone may list.
const MAX_ITEMS_OF_ONE: i64 = 400_000;

impl Ledger {
    /// The scans of `manifests` that can stand, with what they list: a manifest
    /// that is scanned every night for a year is judged from a handful of reports.
    pub(super) async fn scans_of<'a>(
        &self,
        manifests: impl IntoIterator<Item = &'a Digest>,
        now: Timestamp,
    ) -> Result<Vec<Arc<Scan>>, LedgerError> {
        let kept = "SELECT id, body FROM scans WHERE withdrawn_at IS NULL \
                    AND manifest IN (SELECT value FROM json_each(?))";
        let rows: Vec<ScanRow> = query(kept)
            .bind(columns::list(manifests))
            .all(&self.readers)
            .await?;
        let mut current = only_current(read_all(rows)?, now)?;
        let mut reading = self.readers.acquire().await?;
        BOUND_TABLES.fill(&mut reading, &mut current).await?;
        Ok(current.into_iter().map(Arc::new).collect())
    }
}

pub(super) type ScanRow = (i64, String);

pub(super) fn read_all(rows: Vec<ScanRow>) -> Result<Vec<Scan>, LedgerError> {
    let read = |(id, body): ScanRow| {
        Ok(Scan {
            id,
            ..columns::body(&body)?
        })
    };
    rows.into_iter().map(read).collect()
}

/// The scan that the same report is already, without what it lists.
pub(super) async fn known_scan(
    sql: &mut SqlConnection,
    fingerprint: &str,
) -> Result<Option<Scan>, LedgerError> {
    let same = "SELECT id, body FROM scans WHERE fingerprint = ? AND withdrawn_at IS NULL";
    let rows: Vec<ScanRow> = query(same).bind(fingerprint).all(sql).await?;
    Ok(read_all(rows)?.into_iter().next())
}

pub(super) async fn insert(
    sql: &mut SqlConnection,
    scan: &Scan,
    fingerprint: &str,
    bound_at: Option<Timestamp>,
) -> Result<i64, LedgerError> {
    let add = "INSERT INTO scans (manifest, submitter, fingerprint, body, bound_at, scanned_at, \
               is_whole) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id";
    let id = query(add)
        .bind(scan.manifest.to_string())
        .bind(&scan.submitter)
        .bind(fingerprint)
        .bind(columns::json(scan)?)
        .bind(columns::micros(bound_at))
        .bind(scan.scanned_at.as_microsecond())
        .bind(i64::from(scan.incomplete.is_empty()));
    Ok(id.value(sql).await?)
}

/// Brings up to date what is known of names, once the findings of the new scan
/// `id` are there: what it names, and what those named that it replaces.
pub(super) async fn index_findings(
    sql: &mut SqlConnection,
    id: i64,
    scan: &Scan,
) -> Result<(), LedgerError> {
    first_reported::record_first_reports(sql, id, scan).await?;
    note_packages(sql, id).await?;
    let kept = "SELECT id, body FROM scans WHERE withdrawn_at IS NULL AND manifest = ?";
    let rows: Vec<ScanRow> = query(kept)
        .bind(scan.manifest.to_string())
        .all(&mut *sql)
        .await?;
    let scans = read_all(rows)?;
    let stood = current_ids(scans.iter().filter(|scan| scan.id != id), ALL_TIME)?;
    let stand = current_ids(&scans, ALL_TIME)?;
    let replaced: Vec<i64> = stood.difference(&stand).copied().collect();
    first_reported::remove(sql, &replaced).await?;
    match stand.contains(&id) {
        true => {
            let of_submitter = scans.iter().filter(|it| it.submitter == scan.submitter);
            let standing = of_submitter.map(|it| it.id).filter(|it| stand.contains(it));
            refuse_too_many(sql, standing.collect()).await?;
            first_reported::index_scan(sql, id).await
        }
        false => Ok(()),
    }
}

/// All of what one submitter's scans say of a manifest is in memory when it is judged.
async fn refuse_too_many(sql: &mut SqlConnection, standing: Vec<i64>) -> Result<(), LedgerError> {
    if standing.len() <= 1 {
        return Ok(());
    }
    let count = "SELECT (SELECT count(*) FROM findings WHERE scan IN \
                 (SELECT value FROM json_each(?1))) + (SELECT count(*) FROM packages \
                 WHERE scan IN (SELECT value FROM json_each(?1)))";
    let scans = standing.len();
    let items: i64 = query(count).bind(standing).value(sql).await?;
    match scans > MAX_STANDING_OF_ONE || items > MAX_ITEMS_OF_ONE {
        true => Err(LedgerError::TooManyScans { scans, items }),
        false => Ok(()),
    }
}

/// Notes whether the new scan `id` lists packages without a finding.
async fn note_packages(sql: &mut SqlConnection, id: i64) -> Result<(), LedgerError> {
    let note = "UPDATE scans SET lists_packages = 1 WHERE id = ?1 \
                AND (SELECT count(*) FROM packages WHERE scan = ?1) > \
                (SELECT count(DISTINCT (body ->> '$.package') || ' ' || \
                 (body ->> '$.installed')) FROM findings WHERE scan = ?1)";
    query(note).bind(id).execute(sql).await?;
    Ok(())
}

/// Leaves out what no judgement can rest on; the newest first.
pub(super) fn only_current(mut scans: Vec<Scan>, now: Timestamp) -> Result<Vec<Scan>, LedgerError> {
    let ids = current_ids(&scans, now)?;
    scans.retain(|scan| ids.contains(&scan.id));
    scans.sort_by_key(|scan| Reverse((scan.scanned_at, scan.id)));
    Ok(scans)
}

/// The scans that no newer one of the same series and scope has replaced for good: one
/// that was not dated ahead when it came, and is not at `now`, by a clock that was set
/// back since.
pub(super) fn current_ids<'a>(
    scans: impl IntoIterator<Item = &'a Scan>,
    now: Timestamp,
) -> Result<HashSet<i64>, LedgerError> {
    let mut newest: Vec<&Scan> = scans.into_iter().collect();
    newest.sort_by_key(|scan| Reverse((scan.scanned_at, scan.id)));
    let mut settled = NewerScans::default();
    let mut current = HashSet::new();
    for scan in newest {
        let series = (&scan.manifest, scan.series(), columns::json(&scan.scope)?);
        if settled.replace(&series, scan.rank()) {
            continue;
        }
        if scan.scanned_at <= scan.received_at.min(now) {
            settled.add(series, scan.rank());
        }
        current.insert(scan.id);
    }
    Ok(current)
}
