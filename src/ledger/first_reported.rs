//! Which vulnerabilities reports name, and since when. Derived from findings at
//! submission, so that neither question reads them all.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use sqlx::SqliteConnection;

use super::write::WriteTransaction;
use super::{Ledger, LedgerError, columns};
use crate::access::Scope;
use crate::metrics::LedgerVerb;
use crate::oci::Digest;
use crate::trust::{FirstReported, Scan};

impl Ledger {
    /// When each finding of `manifests` was first reported, once for every
    /// submitter that did. Needed only where a worse report has grace.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn first_reported<'a>(
        &self,
        manifests: impl IntoIterator<Item = &'a Digest>,
    ) -> Result<Vec<FirstReported>, LedgerError> {
        let _timed = self.timed(LedgerVerb::FirstNamed);
        let of = "SELECT manifest, scope, received_at, finding FROM first_named \
                  WHERE manifest IN (SELECT value FROM json_each(?)) ORDER BY received_at";
        let mut rows = sqlx::query_as::<_, ReportedRow>(of)
            .bind(columns::list(manifests))
            .fetch(&self.readers);
        let mut scopes = HashMap::new();
        let mut named = Vec::new();
        while let Some(row) = rows.try_next().await? {
            named.push(first(row, &mut scopes)?);
        }
        Ok(named)
    }

    /// Manifests with a scan that stands and names one of `ids`, as the finding's
    /// own id or as an alias, in any case.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn manifests_reporting(&self, ids: &[String]) -> Result<Vec<Digest>, LedgerError> {
        let _timed = self.timed(LedgerVerb::ScansNaming);
        let naming = "SELECT DISTINCT scans.manifest FROM vulnerabilities \
                      JOIN scans ON scans.id = vulnerabilities.scan \
                      WHERE vulnerabilities.id IN (SELECT value FROM json_each(?)) \
                      AND scans.withdrawn_at IS NULL ORDER BY scans.manifest";
        let manifests: Vec<String> = sqlx::query_scalar(naming)
            .bind(columns::json(ids)?)
            .fetch_all(&self.readers)
            .await?;
        manifests.iter().map(|it| columns::text(it)).collect()
    }
}

type ReportedRow = (String, String, i64, String);

/// `scopes`: those that were read before, since few are written very often.
fn first(
    row: ReportedRow,
    scopes: &mut HashMap<String, Scope>,
) -> Result<FirstReported, LedgerError> {
    let (manifest, scope, received_at, finding) = row;
    let known = match scopes.get(&scope) {
        Some(known) => known.clone(),
        None => scopes
            .entry(scope.clone())
            .insert_entry(columns::body(&scope)?)
            .get()
            .clone(),
    };
    Ok(FirstReported {
        manifest: columns::text(&manifest)?,
        scope: known,
        received_at: columns::time(received_at)?,
        finding: columns::body(&finding)?,
    })
}

/// Notes what the new scan `id` names for the first time. One that came earlier
/// and is only now bound to the manifest moves the time back.
pub(super) async fn record_first_reports(
    sql: &mut SqliteConnection,
    id: i64,
    scan: &Scan,
) -> Result<(), LedgerError> {
    let note = "INSERT INTO first_named (manifest, submitter, scope, finding, received_at) \
                SELECT ?, ?, ?, json_set(body, '$.fixed', NULL, '$.severity_source', NULL, \
                                         '$.status', NULL) AS finding, ? \
                FROM findings WHERE scan = ? ORDER BY finding \
                ON CONFLICT DO UPDATE SET received_at = excluded.received_at \
                WHERE excluded.received_at < received_at";
    sqlx::query(note)
        .bind(scan.manifest.to_string())
        .bind(&scan.submitter)
        .bind(columns::json(&scan.scope)?)
        .bind(scan.received_at.as_microsecond())
        .bind(id)
        .execute(sql)
        .await?;
    Ok(())
}

/// Makes the scan `id` one of those that can be found by what they name.
pub(super) async fn index_scan(sql: &mut SqliteConnection, id: i64) -> Result<(), LedgerError> {
    let enter = "INSERT INTO vulnerabilities (id, scan, ordinal, names) \
                 SELECT body ->> '$.id', scan, ordinal, \
                 CASE json_array_length(body, '$.aliases') WHEN 0 THEN '' \
                 ELSE json_insert(body -> '$.aliases', '$[#]', body ->> '$.id') END \
                 FROM findings WHERE scan = ?1 UNION ALL \
                 SELECT alias.value, scan, ordinal, \
                 json_insert(body -> '$.aliases', '$[#]', body ->> '$.id') \
                 FROM findings, json_each(findings.body, '$.aliases') AS alias \
                 WHERE scan = ?1 ON CONFLICT DO NOTHING";
    sqlx::query(enter).bind(id).execute(sql).await?;
    Ok(())
}

/// Undoes that, for scans that were replaced.
pub(super) async fn remove(sql: &mut SqliteConnection, ids: &[i64]) -> Result<(), LedgerError> {
    if ids.is_empty() {
        return Ok(());
    }
    let remove = "DELETE FROM vulnerabilities WHERE (id, scan) IN ( \
                 SELECT body ->> '$.id', scan FROM findings \
                 WHERE scan IN (SELECT value FROM json_each(?1)) UNION ALL \
                 SELECT alias.value, scan \
                 FROM findings, json_each(findings.body, '$.aliases') AS alias \
                 WHERE scan IN (SELECT value FROM json_each(?1)))";
    let ids = columns::json(ids)?;
    sqlx::query(remove).bind(ids).execute(sql).await?;
    Ok(())
}

/// Forgets what `submitter` named, before its scans are withdrawn. What others
/// named of the same manifests has rows of its own.
pub(super) async fn forget(
    writing: &mut WriteTransaction<'_>,
    submitter: &str,
) -> Result<(), LedgerError> {
    let forget = "DELETE FROM first_named WHERE submitter = ?1 AND manifest IN \
                  (SELECT manifest FROM scans WHERE submitter = ?1 AND withdrawn_at IS NULL)";
    sqlx::query(forget)
        .bind(submitter)
        .execute(writing.sql())
        .await?;
    Ok(())
}
