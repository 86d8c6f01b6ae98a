//! Scans: handed in, kept with their findings, read for judgement.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sqlx::SqliteConnection;

use super::change::Change;
use super::{Ledger, LedgerError, stored};
use crate::access::Scope;
use crate::oci::Digest;
use crate::report::{Finding, Format, Incomplete, Tool};
use crate::trust::Scan;

/// How far clocks may differ.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);
/// Findings that go into one statement.
const BATCH: usize = 1000;

/// A report that is handed in for one image manifest.
#[derive(Clone, Debug, Serialize)]
pub struct NewScan {
    pub manifest: Digest,
    pub format: Format,
    pub tool: Tool,
    pub submitter: String,
    /// What the submitter's token reaches now; it is kept as it was.
    pub scope: Scope,
    pub scanned_at: Timestamp,
    /// Not part of what makes two reports the same.
    #[serde(skip)]
    pub received_at: Timestamp,
    pub database_at: Option<Timestamp>,
    pub incomplete: Vec<Incomplete>,
    pub end_of_life: bool,
    pub findings: Vec<Finding>,
}

impl NewScan {
    fn is_from_the_future(&self) -> bool {
        let latest = self.received_at.checked_add(CLOCK_SKEW);
        let latest = latest.unwrap_or(Timestamp::MAX);
        self.scanned_at > latest || self.database_at.is_some_and(|built| built > latest)
    }

    /// The same for the same report on the same manifest by the same submitter.
    fn fingerprint(&self) -> Result<String, LedgerError> {
        Ok(Digest::sha256(stored::json(self)?.as_bytes()).hex())
    }

    /// What is kept of it; findings lie beside.
    fn into_parts(self) -> (Scan, Vec<Finding>) {
        let scan = Scan {
            id: 0,
            manifest: self.manifest,
            format: self.format,
            tool: self.tool,
            submitter: self.submitter,
            scope: self.scope,
            scanned_at: self.scanned_at,
            received_at: self.received_at,
            database_at: self.database_at,
            incomplete: self.incomplete,
            end_of_life: self.end_of_life,
            findings: Vec::new(),
        };
        (scan, self.findings)
    }
}

impl Ledger {
    /// Takes a report in and returns its id; the one it has, if it was handed in
    /// before. Refuses dates in the future and submitters whose token is revoked.
    pub async fn submit_scan(&self, new: NewScan) -> Result<i64, LedgerError> {
        let _timed = self.timed("submit_scan");
        if new.is_from_the_future() {
            return Err(LedgerError::FromTheFuture);
        }
        let fingerprint = new.fingerprint()?;
        let (scan, findings) = new.into_parts();
        let mut writing = self.begin(Some(scan.received_at)).await?;
        super::tokens::refuse_revoked(writing.sql(), &scan.submitter).await?;
        let same = "SELECT id FROM scans WHERE fingerprint = ? AND withdrawn_at IS NULL";
        let known = sqlx::query_scalar(same).bind(&fingerprint);
        if let Some(id) = known.fetch_optional(writing.sql()).await? {
            return Ok(id);
        }
        let id = insert(writing.sql(), &scan, &fingerprint).await?;
        insert_findings(writing.sql(), id, &findings).await?;
        writing.note(Change::Scan(scan.manifest)).await?;
        self.commit(writing).await?;
        Ok(id)
    }

    /// The scans of `manifests` that can count, with their findings.
    pub(super) async fn scans_of<'a>(
        &self,
        manifests: impl IntoIterator<Item = &'a Digest>,
    ) -> Result<Vec<Arc<Scan>>, LedgerError> {
        let stored_scans = "SELECT id, body FROM scans WHERE withdrawn_at IS NULL \
                            AND manifest IN (SELECT value FROM json_each(?))";
        let rows: Vec<(i64, String)> = sqlx::query_as(stored_scans)
            .bind(stored::list(manifests))
            .fetch_all(&self.readers)
            .await?;
        let mut scans = Vec::with_capacity(rows.len());
        for (id, body) in rows {
            scans.push(Scan {
                id,
                ..stored::body(&body)?
            });
        }
        let mut counting = latest(scans)?;
        self.read_findings(&mut counting).await?;
        Ok(counting.into_iter().map(Arc::new).collect())
    }

    async fn read_findings(&self, scans: &mut [Scan]) -> Result<(), LedgerError> {
        let ids: Vec<i64> = scans.iter().map(|scan| scan.id).collect();
        let of = "SELECT scan, body FROM findings \
                  WHERE scan IN (SELECT value FROM json_each(?)) ORDER BY scan, ordinal";
        let rows: Vec<(i64, String)> = sqlx::query_as(of)
            .bind(stored::json(&ids)?)
            .fetch_all(&self.readers)
            .await?;
        let mut findings: HashMap<i64, Vec<Finding>> = HashMap::new();
        for (scan, body) in rows {
            findings.entry(scan).or_default().push(stored::body(&body)?);
        }
        for scan in scans {
            scan.findings = findings.remove(&scan.id).unwrap_or_default();
        }
        Ok(())
    }
}

async fn insert(
    sql: &mut SqliteConnection,
    scan: &Scan,
    fingerprint: &str,
) -> Result<i64, LedgerError> {
    let add = "INSERT INTO scans (manifest, submitter, fingerprint, body) \
               VALUES (?, ?, ?, ?) RETURNING id";
    let id = sqlx::query_scalar(add)
        .bind(scan.manifest.to_string())
        .bind(&scan.submitter)
        .bind(fingerprint)
        .bind(stored::json(scan)?);
    Ok(id.fetch_one(sql).await?)
}

async fn insert_findings(
    sql: &mut SqliteConnection,
    scan: i64,
    findings: &[Finding],
) -> Result<(), LedgerError> {
    let add = "INSERT INTO findings (scan, ordinal, body) \
               SELECT ?, ? + key, value FROM json_each(?)";
    for (first, findings) in (0_i64..).step_by(BATCH).zip(findings.chunks(BATCH)) {
        sqlx::query(add)
            .bind(scan)
            .bind(first)
            .bind(stored::json(findings)?)
            .execute(&mut *sql)
            .await?;
    }
    Ok(())
}

/// Leaves out scans that a newer one of the same tool, submitter and scope has
/// replaced at any time from now on: those behind the newest one that was not
/// dated ahead when it came.
fn latest(mut scans: Vec<Scan>) -> Result<Vec<Scan>, LedgerError> {
    scans.sort_by_key(|scan| std::cmp::Reverse((scan.scanned_at, scan.id)));
    let mut settled = HashSet::new();
    let mut counting = Vec::new();
    for scan in scans {
        let of = (
            scan.manifest.clone(),
            scan.tool.name.clone(),
            scan.submitter.clone(),
            stored::json(&scan.scope)?,
        );
        if settled.contains(&of) {
            continue;
        }
        if scan.scanned_at <= scan.received_at {
            settled.insert(of);
        }
        counting.push(scan);
    }
    Ok(counting)
}
