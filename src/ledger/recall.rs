//! What is asked for while the index loads: all that SQL knows of one manifest comes into
//! memory first, so that judgement finds there what it will find once everything is loaded:
//! the closure, the indexes above it in any repository, and each under either digest.
//!
//! What is there then has its reverse links as well: a change reaches the verdict on it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::alias::Alias;
use super::change::PromotedTag;
use super::index::Tables;
use super::sql::{SqlConnection, query};
use super::{Ledger, LedgerError, columns};
use crate::oci::{Closure, Digest, Repository, Tag};
use crate::trust::EnvironmentName;

/// How long something waits for the index that needs all of it.
const LOAD_WAIT: Duration = Duration::from_secs(20);
/// Digests of one question.
const DIGESTS_AT_ONCE: usize = 1000;

impl Ledger {
    /// The closure of a recorded root, or of an image below a recorded index.
    ///
    /// # Errors
    /// [`LedgerError`] where memory is not loaded and the records cannot be read.
    pub async fn closure(
        &self,
        repository: &Repository,
        root: &Digest,
    ) -> Result<Option<Arc<Closure>>, LedgerError> {
        let known = self.index.closure(repository, root);
        if known.is_some() || self.index.is_complete() {
            return Ok(known);
        }
        self.recall(repository, root, None, &[]).await?;
        Ok(self.index.closure(repository, root))
    }

    /// The digest last promoted under a tag, if a promoted tag is what it is.
    ///
    /// # Errors
    /// [`LedgerError`] where memory is not loaded and the records cannot be read.
    pub async fn promoted(
        &self,
        environment: &EnvironmentName,
        repository: &Repository,
        tag: &Tag,
    ) -> Result<Option<Digest>, LedgerError> {
        if self.index.is_complete() {
            return Ok(self.index.promoted(environment, repository, tag));
        }
        let at = PromotedTag {
            environment: environment.clone(),
            repository: repository.clone(),
            tag: tag.clone(),
        };
        self.last_promoted(&at).await
    }

    /// Whether all is in memory, waited for within a bound.
    pub async fn is_loaded_soon(&self) -> bool {
        if !self.index.is_complete() {
            let _ = timeout(LOAD_WAIT, self.load_once()).await;
        }
        self.index.is_complete()
    }

    /// Brings into memory what SQL knows of a manifest. `closure` and `aliases` are what
    /// the caller knows of it.
    pub(super) async fn recall(
        &self,
        repository: &Repository,
        root: &Digest,
        closure: Option<&Closure>,
        aliases: &[Alias],
    ) -> Result<(), LedgerError> {
        if !self.index.is_begun() {
            return self.load_once().await;
        }
        let tables = self.index.tables();
        let mut reading = self.readers.acquire().await?;
        let sql = &mut reading;
        let mut names = vec![root.clone()];
        names.extend(aliases.iter().filter_map(|it| it.other(root)));
        tables.recall_aliases(&names, sql).await?;
        let others: Vec<_> = names
            .iter()
            .filter_map(|it| tables.members.alias(it))
            .collect();
        names.extend(others);
        tables.recall_root(repository, root, sql).await?;
        let indexes = indexes_above(&names, sql).await?;
        for (repository, index) in &indexes {
            tables.recall_root(repository, index, sql).await?;
        }
        let recorded = tables.members.closure(repository, root);
        let mut concerned: HashSet<Digest> = indexes.iter().map(|it| it.1.clone()).collect();
        for (_, index) in &indexes {
            let above = tables.members.closures(index);
            let nested = above.iter().flat_map(|it| it.nested());
            concerned.extend(nested.map(|it| it.digest.clone()));
        }
        for closure in recorded.as_deref().into_iter().chain(closure) {
            concerned.extend(closure.digests().cloned());
        }
        let concerned: Vec<Digest> = concerned.into_iter().collect();
        tables.recall_aliases(&concerned, sql).await
    }
}

impl Tables {
    /// Which of `digests` are of the same bytes as others.
    pub async fn recall_aliases(
        &self,
        digests: &[Digest],
        sql: &mut SqlConnection,
    ) -> Result<(), LedgerError> {
        let of = "SELECT sha256, sha512 FROM aliases \
                  WHERE sha256 IN (SELECT value FROM json_each(?1)) \
                  UNION SELECT sha256, sha512 FROM aliases \
                  WHERE sha512 IN (SELECT value FROM json_each(?1))";
        for digests in digests.chunks(DIGESTS_AT_ONCE) {
            let asked = query(of).bind(columns::list(digests));
            for (sha256, sha512) in asked.all::<(String, String)>(&mut *sql).await? {
                let sha256: Digest = columns::text(&sha256)?;
                self.members.set_alias(&sha256, &columns::text(&sha512)?);
            }
        }
        Ok(())
    }

    async fn recall_root(
        &self,
        repository: &Repository,
        root: &Digest,
        sql: &mut SqlConnection,
    ) -> Result<(), LedgerError> {
        if let Some(closure) = super::closures::stored(repository, root, sql).await? {
            self.members.insert_missing(repository, &closure);
        }
        Ok(())
    }
}

/// Recorded indexes that name one of `manifests`, with where.
async fn indexes_above(
    manifests: &[Digest],
    sql: &mut SqlConnection,
) -> Result<Vec<(Repository, Digest)>, LedgerError> {
    let above = "SELECT DISTINCT repository, root FROM index_members \
                 WHERE digest IN (SELECT value FROM json_each(?))";
    let rows: Vec<(String, String)> = query(above).bind(columns::list(manifests)).all(sql).await?;
    let read = |(repository, root): &(String, String)| {
        Ok((columns::text(repository)?, columns::text(root)?))
    };
    rows.iter().map(read).collect()
}
