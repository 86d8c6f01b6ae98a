//! What standing scans report of a vulnerability or a package.

use std::collections::{BTreeSet, HashSet};

use futures_util::TryStreamExt;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::scans::{ScanRow, current_ids, read_all};
use super::{Ledger, LedgerError, columns};
use crate::metrics::LedgerVerb;
use crate::oci::Digest;
use crate::report::{Finding, Package};

/// Other ids of one vulnerability that are followed, at most.
const MAX_ALIASES: usize = 64;

/// One item of a report, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported<T> {
    pub manifest: Digest,
    pub scan: i64,
    pub tool: String,
    pub scanned_at: Timestamp,
    pub item: T,
}

type ReportedRow = (i64, String, String, String, String);

const FINDINGS_NAMING: &str = "SELECT DISTINCT scans.id, scans.manifest, \
    scans.body ->> '$.tool.name', scans.body ->> '$.scanned_at', findings.body \
    FROM vulnerabilities JOIN scans ON scans.id = vulnerabilities.scan \
    JOIN findings ON findings.scan = scans.id \
    WHERE vulnerabilities.id IN (SELECT value FROM json_each(?1)) \
    AND scans.withdrawn_at IS NULL \
    AND (findings.body ->> '$.id' COLLATE NOCASE IN (SELECT value FROM json_each(?1)) \
    OR EXISTS (SELECT 1 FROM json_each(findings.body, '$.aliases') AS alias \
    WHERE alias.value COLLATE NOCASE IN (SELECT value FROM json_each(?1))))";

const FINDINGS_IN: &str = "SELECT scans.id, scans.manifest, \
    scans.body ->> '$.tool.name', scans.body ->> '$.scanned_at', findings.body \
    FROM findings JOIN scans ON scans.id = findings.scan \
    WHERE findings.body ->> '$.package' IN (SELECT value FROM json_each(?1)) \
    AND scans.withdrawn_at IS NULL";

const PACKAGES_NAMED: &str = "SELECT scans.id, scans.manifest, \
    scans.body ->> '$.tool.name', scans.body ->> '$.scanned_at', packages.body \
    FROM packages JOIN scans ON scans.id = packages.scan \
    WHERE packages.body ->> '$.name' IN (SELECT value FROM json_each(?1)) \
    AND scans.withdrawn_at IS NULL";

impl Ledger {
    /// `id`, and every other id that a report gives to the same finding, 64 at most.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn aliases_of(&self, id: &str) -> Result<Vec<String>, LedgerError> {
        let found = self.findings_naming(&[id.to_owned()]).await?;
        let named = found.iter().map(|it| &it.item);
        let others = named.flat_map(|it| std::iter::once(&it.id).chain(&it.aliases));
        let others: BTreeSet<&String> = others.filter(|it| !it.eq_ignore_ascii_case(id)).collect();
        let others = others.into_iter().take(MAX_ALIASES).cloned();
        Ok(std::iter::once(id.to_owned()).chain(others).collect())
    }

    /// Findings of standing scans that have one of `ids`, as their own or as an alias, in
    /// any case.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn findings_naming(
        &self,
        ids: &[String],
    ) -> Result<Vec<Reported<Finding>>, LedgerError> {
        let _timed = self.timed(LedgerVerb::FindingsNaming);
        self.reported(FINDINGS_NAMING, ids).await
    }

    /// Findings of standing scans in packages of these names.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn findings_in(
        &self,
        packages: &[String],
    ) -> Result<Vec<Reported<Finding>>, LedgerError> {
        let _timed = self.timed(LedgerVerb::FindingsNaming);
        let found = self.reported(FINDINGS_IN, packages).await?;
        self.standing(found).await
    }

    /// Packages of these names that standing scans list.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn packages_named(
        &self,
        names: &[String],
    ) -> Result<Vec<Reported<Package>>, LedgerError> {
        let _timed = self.timed(LedgerVerb::PackagesNamed);
        let found = self.reported(PACKAGES_NAMED, names).await?;
        self.standing(found).await
    }

    async fn reported<T: DeserializeOwned>(
        &self,
        question: &'static str,
        names: &[String],
    ) -> Result<Vec<Reported<T>>, LedgerError> {
        let mut rows = sqlx::query_as::<_, ReportedRow>(question)
            .bind(columns::json(names)?)
            .fetch(&self.readers);
        let mut found = Vec::new();
        while let Some((scan, manifest, tool, scanned_at, body)) = rows.try_next().await? {
            found.push(Reported {
                manifest: columns::text(&manifest)?,
                scan,
                tool,
                scanned_at: columns::text(&scanned_at)?,
                item: columns::body(&body)?,
            });
        }
        Ok(found)
    }

    /// Leaves out what a newer scan of the same claim has replaced.
    async fn standing<T>(
        &self,
        mut found: Vec<Reported<T>>,
    ) -> Result<Vec<Reported<T>>, LedgerError> {
        let manifests: HashSet<&Digest> = found.iter().map(|it| &it.manifest).collect();
        let kept = "SELECT id, body FROM scans WHERE withdrawn_at IS NULL \
                    AND manifest IN (SELECT value FROM json_each(?))";
        let rows: Vec<ScanRow> = sqlx::query_as(kept)
            .bind(columns::list(manifests))
            .fetch_all(&self.readers)
            .await?;
        let standing = current_ids(&read_all(rows)?)?;
        found.retain(|it| standing.contains(&it.scan));
        Ok(found)
    }
}
