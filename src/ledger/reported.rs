//! What standing scans report of a vulnerability or a package.

use std::collections::{BTreeSet, HashSet};

use futures_util::TryStreamExt;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::package_key::{key_in_sqlite, key_on_server, package_key};
use super::scans::{ALL_TIME, ScanRow, current_ids, read_all};
use super::sql::{Query, either, query};
use super::{Ledger, LedgerError, columns};
use crate::metrics::LedgerVerb;
use crate::oci::Digest;
use crate::report::{Finding, Package};

/// Other ids of one vulnerability that are followed, at most: each is looked up.
const MAX_FOLLOWED: usize = 1000;

/// What one vulnerability is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowedNames {
    /// The id that was asked for, and others that reports give to the same finding.
    pub ids: Vec<String>,
    /// How many more there are.
    pub unfollowed: usize,
}

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

/// From few manifests to what they name: as written, since a planner without statistics
/// may begin with an id that is in every image.
const FINDINGS_NAMING: &str = "SELECT DISTINCT scans.id, scans.manifest, \
    scans.body ->> '$.tool.name', scans.body ->> '$.scanned_at', findings.body \
    FROM scans CROSS JOIN vulnerabilities CROSS JOIN findings \
    WHERE scans.manifest IN (SELECT value FROM json_each(?2)) AND scans.withdrawn_at IS NULL \
    AND vulnerabilities.id IN (SELECT value FROM json_each(?1)) \
    AND vulnerabilities.scan = scans.id \
    AND findings.scan = vulnerabilities.scan AND findings.ordinal = vulnerabilities.ordinal";

// A server's planner reckons with few images for an id, and would look up each of them all:
// with OFFSET a part is read as it stands.
const FINDINGS_NAMING_ON_SERVER: &str = "SELECT DISTINCT here.id, here.manifest, \
    here.body ->> '$.tool.name', here.body ->> '$.scanned_at', findings.body \
    FROM (SELECT id, manifest, body FROM scans \
    WHERE manifest IN (SELECT value FROM json_each(?2)) AND withdrawn_at IS NULL OFFSET 0) AS here \
    CROSS JOIN LATERAL (SELECT ordinal FROM vulnerabilities WHERE scan = here.id \
    AND id IN (SELECT lower(named COLLATE \"C\") FROM unnest(?1) AS named) OFFSET 0) AS naming \
    JOIN findings ON findings.scan = here.id AND findings.ordinal = naming.ordinal";

// Each list of names once, and then whether one scan with it stands: most have very few.
const NAMES_BESIDE: &str = "SELECT names FROM (SELECT DISTINCT id, names FROM vulnerabilities \
    WHERE id IN (SELECT value FROM json_each(?1)) AND names <> '') AS told \
    WHERE EXISTS (SELECT 1 FROM vulnerabilities CROSS JOIN scans \
    WHERE vulnerabilities.id = told.id AND vulnerabilities.names = told.names \
    AND scans.id = vulnerabilities.scan AND scans.withdrawn_at IS NULL)";

const NAMES_IN: &str = "SELECT DISTINCT vulnerabilities.names \
    FROM scans CROSS JOIN vulnerabilities \
    WHERE scans.manifest IN (SELECT value FROM json_each(?2)) AND scans.withdrawn_at IS NULL \
    AND vulnerabilities.id IN (SELECT value FROM json_each(?1)) \
    AND vulnerabilities.scan = scans.id AND vulnerabilities.names <> ''";

// On a server ids are kept in small letters; SQLite compares them so by itself.
// What names it is read once: for one row of many the planner would look through the table.
const NAMES_BESIDE_ON_SERVER: &str = "WITH own AS MATERIALIZED (SELECT id, names, scan \
    FROM vulnerabilities WHERE names <> '' \
    AND id IN (SELECT lower(named COLLATE \"C\") FROM unnest(?1) AS named)) \
    SELECT told.names FROM (SELECT DISTINCT id, names FROM own) AS told \
    CROSS JOIN LATERAL (SELECT 1 FROM own JOIN scans ON scans.id = own.scan \
    WHERE own.id = told.id AND own.names = told.names AND scans.withdrawn_at IS NULL \
    LIMIT 1) AS standing";

const NAMES_IN_ON_SERVER: &str = "SELECT DISTINCT naming.names FROM (SELECT id FROM scans \
    WHERE manifest IN (SELECT value FROM json_each(?2)) AND withdrawn_at IS NULL OFFSET 0) AS here \
    CROSS JOIN LATERAL (SELECT names FROM vulnerabilities WHERE scan = here.id AND names <> '' \
    AND id IN (SELECT lower(named COLLATE \"C\") FROM unnest(?1) AS named) OFFSET 0) AS naming";

/// The items of one table in scans that stand.
macro_rules! standing_items {
    ($table:literal) => {
        concat!(
            "SELECT scans.id, scans.manifest, \
            scans.body ->> '$.tool.name', scans.body ->> '$.scanned_at', ",
            $table,
            ".body FROM ",
            $table,
            " JOIN scans ON scans.id = ",
            $table,
            ".scan WHERE scans.withdrawn_at IS NULL AND "
        )
    };
}

/// Those whose package has a key, and those whose source has it, in the words of a database.
macro_rules! items_by_key {
    ($key:ident, $table:literal, $name:literal, $source:literal) => {
        concat!(
            standing_items!($table),
            $key!($name),
            " = ?1 UNION ",
            standing_items!($table),
            $source,
            " IS NOT NULL AND ",
            $key!($source),
            " = ?1"
        )
    };
}

const FINDINGS_IN: &str = items_by_key!(
    key_in_sqlite,
    "findings",
    "findings.body ->> '$.package'",
    "findings.body ->> '$.source.name'"
);
const FINDINGS_IN_ON_SERVER: &str = items_by_key!(
    key_on_server,
    "findings",
    "findings.body ->> '$.package'",
    "findings.body ->> '$.source.name'"
);
const PACKAGES_NAMED: &str = items_by_key!(
    key_in_sqlite,
    "packages",
    "packages.body ->> '$.name'",
    "packages.body ->> '$.source.name'"
);
const PACKAGES_NAMED_ON_SERVER: &str = items_by_key!(
    key_on_server,
    "packages",
    "packages.body ->> '$.name'",
    "packages.body ->> '$.source.name'"
);

impl Ledger {
    /// `id`, and other ids that a standing report gives to the same finding: 1000 at most,
    /// those first that stand beside few others. Two CVE ids are never two names of one
    /// vulnerability, though an advisory that mends both may have both for aliases.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn names_of(&self, id: &str) -> Result<FollowedNames, LedgerError> {
        let _timed = self.timed(LedgerVerb::ScansNaming);
        let (mut lists, elsewhere) = self
            .lists_beside(vec![id.to_owned()])
            .await?
            .into_iter()
            .partition::<Vec<_>, _>(|names| is_named(names, id));
        let own: Vec<String> = elsewhere.into_iter().flatten().collect();
        let led_to = self.lists_beside(own).await?;
        lists.extend(led_to.into_iter().filter(|names| is_named(names, id)));
        Ok(followed(id, lists))
    }

    /// The lists of names in the rows of these ids, in standing scans.
    async fn lists_beside(&self, ids: Vec<String>) -> Result<Vec<Vec<String>>, LedgerError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let lists: Vec<String> = either(NAMES_BESIDE, NAMES_BESIDE_ON_SERVER)
            .bind(ids)
            .values(&self.readers)
            .await?;
        lists.iter().map(|it| columns::body(it)).collect()
    }

    /// Every id that reports on `manifests` give to a finding beside one of `ids`.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn names_in<'a>(
        &self,
        ids: &[String],
        manifests: impl IntoIterator<Item = &'a Digest>,
    ) -> Result<BTreeSet<String>, LedgerError> {
        let _timed = self.timed(LedgerVerb::ScansNaming);
        let lists: Vec<String> = either(NAMES_IN, NAMES_IN_ON_SERVER)
            .bind(ids.to_vec())
            .bind(columns::list(manifests))
            .values(&self.readers)
            .await?;
        all_names(&lists)
    }

    /// Findings of standing scans of `manifests` that have one of `ids`, as their own or
    /// as an alias, in any case.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn findings_naming<'a>(
        &self,
        ids: &[String],
        manifests: impl IntoIterator<Item = &'a Digest>,
    ) -> Result<Vec<Reported<Finding>>, LedgerError> {
        let _timed = self.timed(LedgerVerb::FindingsNaming);
        let naming = either(FINDINGS_NAMING, FINDINGS_NAMING_ON_SERVER)
            .bind(ids.to_vec())
            .bind(columns::list(manifests));
        self.reported(naming).await
    }

    /// As [`Ledger::findings_naming`], without what a newer scan of the same claim has
    /// replaced.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn current_findings_naming<'a>(
        &self,
        ids: &[String],
        manifests: impl IntoIterator<Item = &'a Digest>,
    ) -> Result<Vec<Reported<Finding>>, LedgerError> {
        let found = self.findings_naming(ids, manifests).await?;
        self.standing(found).await
    }

    /// Findings of standing scans in packages whose names, or those of what they were built
    /// from, differ from `name` in spelling alone, and perhaps in others: see [`package_key`].
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn findings_in(&self, name: &str) -> Result<Vec<Reported<Finding>>, LedgerError> {
        let _timed = self.timed(LedgerVerb::FindingsNaming);
        let question = either(FINDINGS_IN, FINDINGS_IN_ON_SERVER).bind(package_key(name));
        let found = self.reported(question).await?;
        self.standing(found).await
    }

    /// Packages that standing scans list, of such names.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn packages_named(&self, name: &str) -> Result<Vec<Reported<Package>>, LedgerError> {
        let _timed = self.timed(LedgerVerb::PackagesNamed);
        let question = either(PACKAGES_NAMED, PACKAGES_NAMED_ON_SERVER).bind(package_key(name));
        let found = self.reported(question).await?;
        self.standing(found).await
    }

    async fn reported<T: DeserializeOwned>(
        &self,
        question: Query,
    ) -> Result<Vec<Reported<T>>, LedgerError> {
        let mut reading = self.readers.acquire().await?;
        let mut rows = question.rows::<ReportedRow>(&mut reading);
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
        let rows: Vec<ScanRow> = query(kept)
            .bind(columns::list(manifests))
            .all(&self.readers)
            .await?;
        let standing = current_ids(&read_all(rows)?, ALL_TIME)?;
        found.retain(|it| standing.contains(&it.scan));
        Ok(found)
    }
}

fn is_named(names: &[String], id: &str) -> bool {
    names.iter().any(|it| it.eq_ignore_ascii_case(id))
}

/// A report with very many names for one finding crowds out none that says few.
fn followed(id: &str, mut lists: Vec<Vec<String>>) -> FollowedNames {
    lists.sort_unstable_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    let mut seen = HashSet::from([id.to_ascii_lowercase()]);
    let mut others: Vec<String> = lists.into_iter().flatten().collect();
    others.retain(|it| !(is_cve(id) && is_cve(it)) && seen.insert(it.to_ascii_lowercase()));
    let unfollowed = others.len().saturating_sub(MAX_FOLLOWED);
    others.truncate(MAX_FOLLOWED);
    others.insert(0, id.to_owned());
    FollowedNames {
        ids: others,
        unfollowed,
    }
}

fn is_cve(id: &str) -> bool {
    id.get(..4)
        .is_some_and(|it| it.eq_ignore_ascii_case("CVE-"))
}

/// The names in lists of names, once each.
fn all_names(lists: &[String]) -> Result<BTreeSet<String>, LedgerError> {
    let mut names = BTreeSet::new();
    for list in lists {
        names.extend(columns::body::<Vec<String>>(list)?);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sql::SqlPool;
    use crate::ledger::{LedgerAccess, LedgerOptions};

    /// What SQLite does for a question, step by step.
    async fn plan(ledger: &Ledger, question: &'static str) -> Vec<String> {
        let explain = format!("EXPLAIN QUERY PLAN {question}");
        let SqlPool::Sqlite(readers) = &ledger.readers else {
            panic!("it is a file");
        };
        let rows: Vec<(i64, i64, i64, String)> = sqlx::query_as(sqlx::AssertSqlSafe(explain))
            .fetch_all(readers)
            .await
            .unwrap();
        rows.into_iter().map(|(.., step)| step).collect()
    }

    #[tokio::test]
    async fn a_search_goes_by_indexes_however_many_images_there_are() {
        let folder = tempfile::TempDir::new().unwrap();
        let at = LedgerOptions::at(folder.path().join("ledger.db"));
        let now = "2026-07-01T12:00:00Z".parse().unwrap();
        let ledger = Ledger::open(at, LedgerAccess::Serve, now).await.unwrap();
        for (question, index) in [
            (
                FINDINGS_NAMING,
                "vulnerabilities USING PRIMARY KEY (id=? AND scan=?)",
            ),
            (FINDINGS_NAMING, "scans USING INDEX scans_by_manifest"),
            (
                FINDINGS_NAMING,
                "findings USING PRIMARY KEY (scan=? AND ordinal=?)",
            ),
            (NAMES_BESIDE, "vulnerabilities USING PRIMARY KEY (id=?)"),
            (
                NAMES_IN,
                "vulnerabilities USING PRIMARY KEY (id=? AND scan=?)",
            ),
            (FINDINGS_IN, "findings USING INDEX findings_by_package_key"),
            (FINDINGS_IN, "findings USING INDEX findings_by_source_key"),
            (PACKAGES_NAMED, "packages USING INDEX packages_by_key"),
            (
                PACKAGES_NAMED,
                "packages USING INDEX packages_by_source_key",
            ),
        ] {
            let steps = plan(&ledger, question).await;
            assert!(
                steps.iter().any(|it| it.contains(index)),
                "{index}: {steps:#?}"
            );
            // Lists of names are few; the others are values of the question.
            let few = |it: &str| it.contains("json_each") || it == "SCAN told";
            let reads_all = |it: &&String| it.starts_with("SCAN") && !few(it);
            assert_eq!(steps.iter().find(reads_all), None, "{steps:#?}");
        }
    }
}
