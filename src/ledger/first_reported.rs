//! Which vulnerabilities reports name, and since when. Derived from findings at
//! submission, so that neither question reads them all.

use std::collections::{HashMap, HashSet};

use futures_util::TryStreamExt;

use super::sql::{SqlConnection, either, query};
use super::write::WriteTransaction;
use super::{Ledger, LedgerError, columns};
use crate::access::Scope;
use crate::metrics::LedgerVerb;
use crate::oci::Digest;
use crate::trust::{FirstReported, Scan};

// On a server ids are kept in small letters; SQLite compares them so by itself.
const MANIFESTS_NAMING: &str = "SELECT scans.manifest FROM vulnerabilities \
    JOIN scans ON scans.id = vulnerabilities.scan \
    WHERE vulnerabilities.id IN (SELECT value FROM json_each(?)) \
    AND scans.withdrawn_at IS NULL";
const MANIFESTS_NAMING_ON_SERVER: &str = "SELECT scans.manifest FROM vulnerabilities \
    JOIN scans ON scans.id = vulnerabilities.scan WHERE vulnerabilities.id IN \
    (SELECT lower(named COLLATE \"C\") FROM unnest(?) AS named) \
    AND scans.withdrawn_at IS NULL";

// A finding without its fix, status and source, which change nothing in how it is weighed.
const NOTE_FIRST: &str = "INSERT INTO first_named \
    (manifest, submitter, scope, finding, received_at) \
    SELECT ?, ?, ?, json_set(body, '$.fixed', NULL, '$.severity_source', NULL, '$.status', NULL) \
    AS finding, ? FROM findings WHERE scan = ? ORDER BY finding \
    ON CONFLICT (manifest, submitter, scope, finding) \
    DO UPDATE SET received_at = excluded.received_at \
    WHERE excluded.received_at < first_named.received_at";
const NOTE_FIRST_ON_SERVER: &str = "INSERT INTO first_named \
    (manifest, submitter, scope, finding, received_at, claim) \
    SELECT ?1, ?2, ?3, finding, ?4, sha256(convert_to(?3 || finding, 'UTF8')) FROM (\
    SELECT DISTINCT (body::jsonb || '{\"fixed\":null,\"severity_source\":null,\"status\":null}')\
    ::text AS finding FROM findings WHERE scan = ?5) AS named ORDER BY finding \
    ON CONFLICT (manifest, submitter, claim) \
    DO UPDATE SET received_at = excluded.received_at \
    WHERE excluded.received_at < first_named.received_at";

// All names of a finding stand in the row of its own id. A row of another leads there: with
// the whole list in each, the rows of a finding would grow with the square of its names.
const INSERT_REPORTED: &str = "INSERT INTO vulnerabilities (id, scan, ordinal, names) \
    SELECT body ->> '$.id', scan, ordinal, \
    CASE json_array_length(body, '$.aliases') WHEN 0 THEN '' \
    ELSE json_insert(body -> '$.aliases', '$[#]', body ->> '$.id') END \
    FROM findings WHERE scan = ?1 UNION ALL \
    SELECT alias.value, scan, ordinal, json_array(body ->> '$.id') \
    FROM findings, json_each(findings.body, '$.aliases') AS alias \
    WHERE scan = ?1 ON CONFLICT DO NOTHING";
const ENTER_ON_SERVER: &str = "INSERT INTO vulnerabilities (id, scan, ordinal, names) \
    SELECT lower((body ->> '$.id') COLLATE \"C\"), scan, ordinal, \
    CASE jsonb_array_length(body::jsonb -> 'aliases') WHEN 0 THEN '' \
    ELSE ((body::jsonb -> 'aliases') || (body::jsonb -> 'id'))::text END \
    FROM findings WHERE scan = ?1 UNION ALL \
    SELECT lower(alias COLLATE \"C\"), scan, ordinal, \
    jsonb_build_array(body::jsonb -> 'id')::text FROM findings, \
    jsonb_array_elements_text(body::jsonb -> 'aliases') AS alias \
    WHERE scan = ?1 ON CONFLICT DO NOTHING";

const REMOVE: &str = "DELETE FROM vulnerabilities WHERE (id, scan) IN ( \
    SELECT body ->> '$.id', scan FROM findings \
    WHERE scan IN (SELECT value FROM json_each(?1)) UNION ALL \
    SELECT alias.value, scan FROM findings, json_each(findings.body, '$.aliases') AS alias \
    WHERE scan IN (SELECT value FROM json_each(?1)))";
/// All that a scan names is there under its number, which has an index.
const REMOVE_ON_SERVER: &str =
    "DELETE FROM vulnerabilities WHERE scan IN (SELECT value FROM json_each(?))";

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
        let mut reading = self.readers.acquire().await?;
        let mut rows = query(of)
            .bind(columns::list(manifests))
            .rows::<ReportedRow>(&mut reading);
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
    pub async fn manifests_reporting(
        &self,
        ids: &[String],
    ) -> Result<HashSet<Digest>, LedgerError> {
        let _timed = self.timed(LedgerVerb::ScansNaming);
        let manifests: Vec<String> = either(MANIFESTS_NAMING, MANIFESTS_NAMING_ON_SERVER)
            .bind(ids.to_vec())
            .values(&self.readers)
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
    sql: &mut SqlConnection,
    id: i64,
    scan: &Scan,
) -> Result<(), LedgerError> {
    either(NOTE_FIRST, NOTE_FIRST_ON_SERVER)
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
pub(super) async fn index_scan(sql: &mut SqlConnection, id: i64) -> Result<(), LedgerError> {
    either(INSERT_REPORTED, ENTER_ON_SERVER)
        .bind(id)
        .execute(sql)
        .await?;
    Ok(())
}

/// Undoes that, for scans that were replaced.
pub(super) async fn remove(sql: &mut SqlConnection, ids: &[i64]) -> Result<(), LedgerError> {
    if ids.is_empty() {
        return Ok(());
    }
    let remove = either(REMOVE, REMOVE_ON_SERVER);
    remove.bind(ids.to_vec()).execute(sql).await?;
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
    query(forget).bind(submitter).execute(writing.sql()).await?;
    Ok(())
}
