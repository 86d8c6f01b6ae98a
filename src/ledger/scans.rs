//! Scans: handed in, kept with their findings, read for judgement.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sqlx::SqliteConnection;

use super::change::Change;
use super::{Ledger, LedgerError, stored};
use crate::access::Scope;
use crate::oci::Digest;
use crate::report::{Finding, Format, Incomplete, Package, Severity, Tool};
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
    /// As the report says. One that does not say counts from when it first came:
    /// handed in again it is the same, or an old one could be made new for ever.
    pub scanned_at: Option<Timestamp>,
    /// Not part of what makes two reports the same.
    #[serde(skip)]
    pub received_at: Timestamp,
    pub database_at: Option<Timestamp>,
    pub incomplete: Vec<Incomplete>,
    pub end_of_life: bool,
    pub malware: u64,
    pub findings: Vec<Finding>,
    pub packages: Vec<Package>,
}

impl NewScan {
    fn is_from_the_future(&self) -> bool {
        let latest = self.received_at.checked_add(CLOCK_SKEW);
        let latest = latest.unwrap_or(Timestamp::MAX);
        let dates = [self.scanned_at, self.database_at];
        dates.into_iter().flatten().any(|date| date > latest)
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
            scanned_at: self.scanned_at.unwrap_or(self.received_at),
            received_at: self.received_at,
            database_at: self.database_at,
            incomplete: self.incomplete,
            end_of_life: self.end_of_life,
            malware: self.malware,
            bound_from: None,
            findings: Vec::new(),
            packages: self.packages,
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
        let burden = Burden::of(&new.findings);
        let (scan, findings) = new.into_parts();
        let mut writing = self.begin(Some(scan.received_at)).await?;
        super::tokens::refuse_revoked(writing.sql(), &scan.submitter).await?;
        let same = "SELECT id FROM scans WHERE fingerprint = ? AND withdrawn_at IS NULL";
        let known = sqlx::query_scalar(same).bind(&fingerprint);
        if let Some(id) = known.fetch_optional(writing.sql()).await? {
            return Ok(id);
        }
        let id = insert(writing.sql(), &scan, burden, &fingerprint).await?;
        insert_findings(writing.sql(), id, &findings).await?;
        writing.note(Change::Scan(scan.manifest)).await?;
        self.commit(writing).await?;
        Ok(id)
    }

    /// The scans of `manifests` that judgement needs, with their findings: those
    /// that can stand, and those that first were so bad.
    pub(super) async fn scans_of<'a>(
        &self,
        manifests: impl IntoIterator<Item = &'a Digest>,
    ) -> Result<Vec<Arc<Scan>>, LedgerError> {
        let stored_scans = "SELECT id, body, worst, unrated FROM scans \
                            WHERE withdrawn_at IS NULL \
                            AND manifest IN (SELECT value FROM json_each(?))";
        let rows: Vec<Row> = sqlx::query_as(stored_scans)
            .bind(stored::list(manifests))
            .fetch_all(&self.readers)
            .await?;
        let read: Result<Vec<_>, _> = rows.into_iter().map(read).collect();
        let mut needed = needed(read?)?;
        self.read_findings(&mut needed).await?;
        Ok(needed.into_iter().map(Arc::new).collect())
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

/// How bad a report is, known without reading its findings.
#[derive(Clone, Copy)]
struct Burden {
    worst: Option<Severity>,
    /// Some finding is not rated: policy says what it counts as.
    unrated: bool,
}

impl Burden {
    fn of(findings: &[Finding]) -> Self {
        Self {
            worst: findings.iter().filter_map(|it| it.severity).max(),
            unrated: findings.iter().any(|it| it.severity.is_none()),
        }
    }
}

type Row = (i64, String, Option<String>, bool);

fn read((id, body, worst, unrated): Row) -> Result<(Scan, Burden), LedgerError> {
    let scan = Scan {
        id,
        ..stored::body(&body)?
    };
    let worst = worst.as_deref().map(stored::text).transpose()?;
    Ok((scan, Burden { worst, unrated }))
}

async fn insert(
    sql: &mut SqliteConnection,
    scan: &Scan,
    burden: Burden,
    fingerprint: &str,
) -> Result<i64, LedgerError> {
    let add = "INSERT INTO scans (manifest, submitter, fingerprint, worst, unrated, body) \
               VALUES (?, ?, ?, ?, ?, ?) RETURNING id";
    let id = sqlx::query_scalar(add)
        .bind(scan.manifest.to_string())
        .bind(&scan.submitter)
        .bind(fingerprint)
        .bind(burden.worst.map(Severity::as_str))
        .bind(burden.unrated)
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

/// Leaves out what no judgement can rest on, so that a manifest that is scanned
/// every night for a year is judged from a handful of reports.
fn needed(scans: Vec<(Scan, Burden)>) -> Result<Vec<Scan>, LedgerError> {
    let mut ids = standing(&scans)?;
    ids.extend(firsts(&scans)?);
    let scans = scans.into_iter().map(|(scan, _)| scan);
    let mut needed: Vec<Scan> = scans.filter(|scan| ids.contains(&scan.id)).collect();
    needed.sort_by_key(|scan| Reverse((scan.scanned_at, scan.id)));
    Ok(needed)
}

/// The scans that no newer one of the same tool, submitter and scope has replaced
/// for good: those down to the newest one that was not dated ahead when it came.
fn standing(scans: &[(Scan, Burden)]) -> Result<HashSet<i64>, LedgerError> {
    let mut newest: Vec<&Scan> = scans.iter().map(|(scan, _)| scan).collect();
    newest.sort_by_key(|scan| Reverse((scan.scanned_at, scan.id)));
    let mut settled = HashSet::new();
    let mut standing = HashSet::new();
    for scan in newest {
        let (tool, scope) = (&scan.tool.name, stored::json(&scan.scope)?);
        let of = (&scan.manifest, tool, &scan.submitter, scope);
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

/// The scans that were worse than all that had come in before: from them on, a
/// ceiling was exceeded. At most one for each severity, and one unrated, of each
/// manifest and scope.
fn firsts(scans: &[(Scan, Burden)]) -> Result<HashSet<i64>, LedgerError> {
    let mut oldest: Vec<&(Scan, Burden)> = scans.iter().collect();
    oldest.sort_by_key(|(scan, _)| (scan.received_at, scan.id));
    let mut known: HashMap<(&Digest, String), Burden> = HashMap::new();
    let mut firsts = HashSet::new();
    for (scan, burden) in oldest {
        let of = (&scan.manifest, stored::json(&scan.scope)?);
        let before = known.entry(of).or_insert(Burden::of(&[]));
        if burden.worst > before.worst || burden.unrated && !before.unrated {
            firsts.insert(scan.id);
        }
        before.worst = before.worst.max(burden.worst);
        before.unrated |= burden.unrated;
    }
    Ok(firsts)
}
