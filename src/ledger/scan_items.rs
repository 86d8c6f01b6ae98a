//! Findings and packages of a report, stored as one row each since there may be very
//! many.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::sql::{SqlConnection, either, query};
use super::{LedgerError, columns};
use crate::report::{Finding, Package};
use crate::trust::Scan;

/// Rows that go into one statement.
const ITEMS_PER_STATEMENT: usize = 1000;

/// Findings and packages of one report.
pub(super) struct ReportItems {
    pub findings: Vec<Finding>,
    pub packages: Vec<Package>,
}

/// The SQL statements of one pair of tables.
pub(super) struct ItemTables {
    add_findings: AddItems,
    add_packages: AddItems,
    findings: &'static str,
    packages: &'static str,
}

/// In SQLite's words, and in PostgreSQL's.
type AddItems = (&'static str, &'static str);

/// Of scans of manifests.
pub(super) const BOUND_TABLES: ItemTables = ItemTables {
    add_findings: (
        "INSERT INTO findings (scan, ordinal, body) SELECT ?, ? + key, value FROM json_each(?)",
        "INSERT INTO findings (scan, ordinal, body) SELECT ?, ? + place - 1, item::text \
         FROM json_array_elements(?::json) WITH ORDINALITY AS items (item, place)",
    ),
    add_packages: (
        "INSERT INTO packages (scan, ordinal, body) SELECT ?, ? + key, value FROM json_each(?)",
        "INSERT INTO packages (scan, ordinal, body) SELECT ?, ? + place - 1, item::text \
         FROM json_array_elements(?::json) WITH ORDINALITY AS items (item, place)",
    ),
    findings: "SELECT scan, body FROM findings \
               WHERE scan IN (SELECT value FROM json_each(?)) ORDER BY scan, ordinal",
    packages: "SELECT scan, body FROM packages \
               WHERE scan IN (SELECT value FROM json_each(?)) ORDER BY scan, ordinal",
};

/// Of scans that are bound to no manifest.
pub(super) const UNBOUND_TABLES: ItemTables = ItemTables {
    add_findings: (
        "INSERT INTO unbound_findings (scan, ordinal, body) \
         SELECT ?, ? + key, value FROM json_each(?)",
        "INSERT INTO unbound_findings (scan, ordinal, body) SELECT ?, ? + place - 1, item::text \
         FROM json_array_elements(?::json) WITH ORDINALITY AS items (item, place)",
    ),
    add_packages: (
        "INSERT INTO unbound_packages (scan, ordinal, body) \
         SELECT ?, ? + key, value FROM json_each(?)",
        "INSERT INTO unbound_packages (scan, ordinal, body) SELECT ?, ? + place - 1, item::text \
         FROM json_array_elements(?::json) WITH ORDINALITY AS items (item, place)",
    ),
    findings: "SELECT scan, body FROM unbound_findings \
               WHERE scan IN (SELECT value FROM json_each(?)) ORDER BY scan, ordinal",
    packages: "SELECT scan, body FROM unbound_packages \
               WHERE scan IN (SELECT value FROM json_each(?)) ORDER BY scan, ordinal",
};

impl ItemTables {
    pub async fn put(
        &self,
        sql: &mut SqlConnection,
        scan: i64,
        listed: &ReportItems,
    ) -> Result<(), LedgerError> {
        put(sql, self.add_findings, scan, &listed.findings).await?;
        put(sql, self.add_packages, scan, &listed.packages).await
    }

    /// Gives each of `scans` what lies here under its id.
    pub async fn fill(
        &self,
        sql: &mut SqlConnection,
        scans: &mut [Scan],
    ) -> Result<(), LedgerError> {
        let ids: Vec<i64> = scans.iter().map(|scan| scan.id).collect();
        let mut findings = take(sql, self.findings, &ids).await?;
        let mut packages = take(sql, self.packages, &ids).await?;
        for scan in scans {
            scan.findings = findings.remove(&scan.id).unwrap_or_default();
            scan.packages = packages.remove(&scan.id).unwrap_or_default();
        }
        Ok(())
    }
}

async fn put<T: Serialize>(
    sql: &mut SqlConnection,
    (sqlite, postgres): AddItems,
    scan: i64,
    listed: &[T],
) -> Result<(), LedgerError> {
    for (first, listed) in (0_i64..)
        .step_by(ITEMS_PER_STATEMENT)
        .zip(listed.chunks(ITEMS_PER_STATEMENT))
    {
        either(sqlite, postgres)
            .bind(scan)
            .bind(first)
            .bind(columns::json(listed)?)
            .execute(&mut *sql)
            .await?;
    }
    Ok(())
}

/// Row by row, so that the written form of all never lies in memory at once.
async fn take<T: DeserializeOwned>(
    sql: &mut SqlConnection,
    of: &'static str,
    ids: &[i64],
) -> Result<HashMap<i64, Vec<T>>, LedgerError> {
    let mut found: HashMap<i64, Vec<T>> = HashMap::new();
    let mut rows = query(of).bind(ids.to_vec()).rows::<(i64, String)>(sql);
    while let Some((scan, body)) = rows.try_next().await? {
        found.entry(scan).or_default().push(columns::body(&body)?);
    }
    Ok(found)
}
