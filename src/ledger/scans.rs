//! Scans: handed in, kept with what they list, read for judgement.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sqlx::SqliteConnection;

use super::change::Change;
use super::listed::{BOUND, Listed};
use super::{Ledger, LedgerError, named, stored};
use crate::access::Scope;
use crate::oci::Digest;
use crate::report::{Finding, Format, Incomplete, Package, Tool};
use crate::trust::Scan;

/// How far clocks may differ.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// A report that is handed in for one image manifest.
#[derive(Clone, Debug, Serialize)]
pub struct NewScan {
    pub manifest: Digest,
    pub format: Format,
    pub tool: Tool,
    pub submitter: String,
    /// What the submitter's token reaches now; it is kept as it was.
    pub scope: Scope,
    /// As the report says. One that does not say counts from when it first came:
    /// handed in again it is the same, or an old one could be made new for ever.
    pub scanned_at: Option<Timestamp>,
    /// Not part of what makes two reports the same.
    #[serde(skip)]
    pub received_at: Timestamp,
    pub database_at: Option<Timestamp>,
    pub incomplete: Vec<Incomplete>,
    pub end_of_life: bool,
    /// Left out when there is none, as before there were any: so the same report
    /// stays the same.
    #[serde(skip_serializing_if = "is_zero")]
    pub malware: u64,
    pub findings: Vec<Finding>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<Package>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl NewScan {
    pub(super) fn refuse_future(&self) -> Result<(), LedgerError> {
        let latest = self.received_at.checked_add(CLOCK_SKEW);
        let latest = latest.unwrap_or(Timestamp::MAX);
        let mut dates = [self.scanned_at, self.database_at].into_iter().flatten();
        match dates.any(|date| date > latest) {
            true => Err(LedgerError::FromTheFuture),
            false => Ok(()),
        }
    }

    /// The same for the same report on the same manifest by the same submitter.
    pub(super) fn fingerprint(&self) -> Result<String, LedgerError> {
        Ok(Digest::sha256(stored::json(self)?.as_bytes()).hex())
    }

    /// What is kept of it as one, and what lies beside.
    pub(super) fn into_parts(self) -> (Scan, Listed) {
        let scan = Scan {
            id: 0,
            manifest: self.manifest,
            format: self.format,
            tool: self.tool,
            submitter: self.submitter,
            scope: self.scope,
            scanned_at: self.scanned_at.unwrap_or(self.received_at),
            received_at: self.received_at,
            database_at: self.database_at,
            incomplete: self.incomplete,
            end_of_life: self.end_of_life,
            malware: self.malware,
            bound_from: None,
            findings: Vec::new(),
            packages: Vec::new(),
        };
        let listed = Listed {
            findings: self.findings,
            packages: self.packages,
        };
        (scan, listed)
    }
}

impl Ledger {
    /// Takes a report in and returns its id; the one it has, if it was handed in
    /// before. Refuses dates in the future and submitters whose token is revoked.
    pub async fn submit_scan(&self, new: NewScan) -> Result<i64, LedgerError> {
        let _timed = self.timed("submit_scan");
        new.refuse_future()?;
        let fingerprint = new.fingerprint()?;
        let (scan, listed) = new.into_parts();
        let mut writing = self.begin(Some(scan.received_at)).await?;
        super::tokens::refuse_revoked(writing.sql(), &scan.submitter).await?;
        if let Some(id) = known(writing.sql(), &fingerprint).await? {
            return Ok(id);
        }
        let id = insert(writing.sql(), &scan, &fingerprint, None).await?;
        BOUND.put(writing.sql(), id, &listed).await?;
        name(writing.sql(), id, &scan).await?;
        writing.note(Change::Scan(scan.manifest)).await?;
        self.commit(writing).await?;
        Ok(id)
    }

    /// The scans of `manifests` that can stand, with what they list: a manifest
    /// that is scanned every night for a year is judged from a handful of reports.
    pub(super) async fn scans_of<'a>(
        &self,
        manifests: impl IntoIterator<Item = &'a Digest>,
    ) -> Result<Vec<Arc<Scan>>, LedgerError> {
        let kept = "SELECT id, body FROM scans WHERE withdrawn_at IS NULL \
                    AND manifest IN (SELECT value FROM json_each(?))";
        let rows: Vec<Row> = sqlx::query_as(kept)
            .bind(stored::list(manifests))
            .fetch_all(&self.readers)
            .await?;
        let mut standing = only_standing(read_all(rows)?)?;
        BOUND.fill(&self.readers, &mut standing).await?;
        Ok(standing.into_iter().map(Arc::new).collect())
    }
}

pub(super) type Row = (i64, String);

pub(super) fn read_all(rows: Vec<Row>) -> Result<Vec<Scan>, LedgerError> {
    let read = |(id, body): Row| {
        Ok(Scan {
            id,
            ..stored::body(&body)?
        })
    };
    rows.into_iter().map(read).collect()
}

/// The scan that the same report is already.
pub(super) async fn known(
    sql: &mut SqliteConnection,
    fingerprint: &str,
) -> Result<Option<i64>, LedgerError> {
    let same = "SELECT id FROM scans WHERE fingerprint = ? AND withdrawn_at IS NULL";
    let id = sqlx::query_scalar(same).bind(fingerprint);
    Ok(id.fetch_optional(sql).await?)
}

pub(super) async fn insert(
    sql: &mut SqliteConnection,
    scan: &Scan,
    fingerprint: &str,
    bound_at: Option<Timestamp>,
) -> Result<i64, LedgerError> {
    let add = "INSERT INTO scans (manifest, submitter, fingerprint, body, bound_at) \
               VALUES (?, ?, ?, ?, ?) RETURNING id";
    let id = sqlx::query_scalar(add)
        .bind(scan.manifest.to_string())
        .bind(&scan.submitter)
        .bind(fingerprint)
        .bind(stored::json(scan)?)
        .bind(stored::micros(bound_at));
    Ok(id.fetch_one(sql).await?)
}

/// Brings up to date what is known of names, once the findings of the new scan
/// `id` are there: what it names, and what those named that it replaces.
pub(super) async fn name(
    sql: &mut SqliteConnection,
    id: i64,
    scan: &Scan,
) -> Result<(), LedgerError> {
    named::note_first(sql, id, scan).await?;
    let kept = "SELECT id, body FROM scans WHERE withdrawn_at IS NULL AND manifest = ?";
    let rows: Vec<Row> = sqlx::query_as(kept)
        .bind(scan.manifest.to_string())
        .fetch_all(&mut *sql)
        .await?;
    let scans = read_all(rows)?;
    let stood = standing(scans.iter().filter(|scan| scan.id != id))?;
    let stand = standing(&scans)?;
    let replaced: Vec<i64> = stood.difference(&stand).copied().collect();
    named::remove(sql, &replaced).await?;
    match stand.contains(&id) {
        true => named::enter(sql, id).await,
        false => Ok(()),
    }
}

/// Leaves out what no judgement can rest on; the newest first.
pub(super) fn only_standing(mut scans: Vec<Scan>) -> Result<Vec<Scan>, LedgerError> {
    let ids = standing(&scans)?;
    scans.retain(|scan| ids.contains(&scan.id));
    scans.sort_by_key(|scan| Reverse((scan.scanned_at, scan.id)));
    Ok(scans)
}

/// The scans that no newer one with the same claim to replace it, and the same
/// scope, has replaced for good: those down to the newest one that was not dated
/// ahead when it came.
fn standing<'a>(scans: impl IntoIterator<Item = &'a Scan>) -> Result<HashSet<i64>, LedgerError> {
    let mut newest: Vec<&Scan> = scans.into_iter().collect();
    newest.sort_by_key(|scan| Reverse((scan.scanned_at, scan.id)));
    let mut settled = HashSet::new();
    let mut standing = HashSet::new();
    for scan in newest {
        let of = (&scan.manifest, scan.replaces(), stored::json(&scan.scope)?);
        if settled.contains(&of) {
            continue;
        }
        if scan.scanned_at <= scan.received_at {
            settled.insert(of);
        }
        standing.insert(scan.id);
    }
    Ok(standing)
}
