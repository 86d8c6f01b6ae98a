//! Recorded closures, and aliases: digests of the same bytes.

use super::alias::Alias;
use super::change::LedgerChange;
use super::sql::{SqlConnection, query};
use super::{Ledger, LedgerError, columns};
use crate::metrics::LedgerVerb;
use crate::oci::{Closure, Digest, Repository};

impl Ledger {
    /// Records what was read of a root: which digests are of the same bytes, and its closure.
    ///
    /// # Errors
    /// Those of [`Ledger::record_aliases`] and [`Ledger::record_closure`].
    pub async fn record_read(
        &self,
        repository: &Repository,
        closure: &Closure,
        aliases: &[Alias],
    ) -> Result<(), LedgerError> {
        self.record_aliases(aliases).await?;
        self.record_closure(repository, closure).await
    }

    /// Records the closure of a root in a repository. One that was recorded is
    /// replaced, since a child that was absent may have come.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written; then nothing of it is.
    pub async fn record_closure(
        &self,
        repository: &Repository,
        closure: &Closure,
    ) -> Result<(), LedgerError> {
        let _timed = self.timed(LedgerVerb::RecordClosure);
        if self.index.closure(repository, closure.root()).as_deref() == Some(closure) {
            return Ok(());
        }
        let body = columns::json(closure)?;
        let mut writing = self.begin(None).await?;
        let put = "INSERT INTO closures (repository, root, body) VALUES (?, ?, ?) \
                   ON CONFLICT (repository, root) DO UPDATE SET body = excluded.body \
                   WHERE closures.body <> excluded.body";
        let changed = query(put)
            .bind(repository.to_string())
            .bind(closure.root().to_string())
            .bind(body)
            .execute(writing.sql())
            .await?;
        if changed > 0 {
            let change = LedgerChange::Closure(repository.clone(), closure.root().clone());
            writing.note(change).await?;
        }
        self.commit(writing).await
    }

    /// Records which digests are of the same bytes: what is said against one of a
    /// pair then holds for both.
    ///
    /// # Errors
    /// [`LedgerError::NoAlias`] where a pair is not of the two algorithms.
    pub async fn record_aliases(&self, aliases: &[Alias]) -> Result<(), LedgerError> {
        let _timed = self.timed(LedgerVerb::RecordAlias);
        if aliases.iter().any(|alias| !alias.is_of_both_algorithms()) {
            return Err(LedgerError::NoAlias);
        }
        let unknown = aliases.iter().filter(|it| !self.index.knows_alias(it));
        let unknown: Vec<&Alias> = unknown.collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let mut writing = self.begin(None).await?;
        for alias in unknown {
            if put_alias(writing.sql(), alias).await? {
                let change = LedgerChange::Alias(alias.sha256.clone(), alias.sha512.clone());
                writing.note(change).await?;
            }
        }
        self.commit(writing).await
    }

    /// The closures that are recorded for these roots, each with its repository.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn closures_of<'a>(
        &self,
        roots: impl IntoIterator<Item = &'a Digest>,
    ) -> Result<Vec<(Repository, Closure)>, LedgerError> {
        let of = "SELECT repository, body FROM closures \
                  WHERE root IN (SELECT value FROM json_each(?))";
        let rows: Vec<(String, String)> = query(of)
            .bind(columns::list(roots))
            .all(&self.readers)
            .await?;
        let read = |(repository, body): (String, String)| {
            Ok((columns::text(&repository)?, columns::body(&body)?))
        };
        rows.into_iter().map(read).collect()
    }

    pub(super) async fn stored_closure(
        &self,
        repository: &Repository,
        root: &Digest,
    ) -> Result<Option<Closure>, LedgerError> {
        stored(repository, root, &mut self.readers.acquire().await?).await
    }
}

/// The closure that is recorded for a root.
pub(super) async fn stored(
    repository: &Repository,
    root: &Digest,
    sql: &mut SqlConnection,
) -> Result<Option<Closure>, LedgerError> {
    let one = "SELECT body FROM closures WHERE repository = ? AND root = ?";
    let body: Option<String> = query(one)
        .bind(repository.to_string())
        .bind(root.to_string())
        .optional_value(sql)
        .await?;
    body.map(|body| columns::body(&body)).transpose()
}

/// Whether it changed anything.
async fn put_alias(sql: &mut SqlConnection, alias: &Alias) -> Result<bool, LedgerError> {
    let put = "INSERT INTO aliases (sha256, sha512) VALUES (?, ?) \
               ON CONFLICT (sha256) DO UPDATE SET sha512 = excluded.sha512 \
               WHERE aliases.sha512 <> excluded.sha512";
    let put = query(put)
        .bind(alias.sha256.to_string())
        .bind(alias.sha512.to_string());
    Ok(put.execute(sql).await? > 0)
}
