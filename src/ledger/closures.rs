//! What was found to lie in what, and which digests are of the same bytes.

use std::sync::Arc;

use super::change::Change;
use super::{Ledger, LedgerError, stored};
use crate::metrics::LedgerVerb;
use crate::oci::{Algorithm, Closure, Digest, Repository};

impl Ledger {
    /// Records the closure of a root in a repository. One that was recorded is
    /// replaced, since a child that was absent may have come.
    pub async fn record_closure(
        &self,
        repository: &Repository,
        closure: &Closure,
    ) -> Result<(), LedgerError> {
        let _timed = self.timed(LedgerVerb::RecordClosure);
        if self.index.closure(repository, closure.root()).as_deref() == Some(closure) {
            return Ok(());
        }
        let body = stored::json(closure)?;
        let mut writing = self.begin(None).await?;
        let put = "INSERT INTO closures (repository, root, body) VALUES (?, ?, ?) \
                   ON CONFLICT DO UPDATE SET body = excluded.body WHERE body <> excluded.body";
        let changed = sqlx::query(put)
            .bind(repository.to_string())
            .bind(closure.root().to_string())
            .bind(body)
            .execute(writing.sql())
            .await?
            .rows_affected();
        if changed > 0 {
            let change = Change::Closure(repository.clone(), closure.root().clone());
            writing.note(change).await?;
        }
        self.commit(writing).await
    }

    /// Records that both are digests of the same bytes: a revocation of either
    /// then holds for both.
    pub async fn record_alias(&self, sha256: &Digest, sha512: &Digest) -> Result<(), LedgerError> {
        let _timed = self.timed(LedgerVerb::RecordAlias);
        let algorithms = (sha256.algorithm(), sha512.algorithm());
        if algorithms != (Algorithm::Sha256, Algorithm::Sha512) {
            return Err(LedgerError::NoAlias);
        }
        if self.index.tables().members.twin(sha256).as_ref() == Some(sha512) {
            return Ok(());
        }
        let mut writing = self.begin(None).await?;
        let put = "INSERT INTO aliases (sha256, sha512) VALUES (?, ?) \
                   ON CONFLICT (sha256) DO UPDATE SET sha512 = excluded.sha512 \
                   WHERE sha512 <> excluded.sha512";
        let changed = sqlx::query(put)
            .bind(sha256.to_string())
            .bind(sha512.to_string())
            .execute(writing.sql())
            .await?
            .rows_affected();
        if changed > 0 {
            let change = Change::Alias(sha256.clone(), sha512.clone());
            writing.note(change).await?;
        }
        self.commit(writing).await
    }

    pub(super) async fn stored_closure(
        &self,
        repository: &Repository,
        root: &Digest,
    ) -> Result<Option<Arc<Closure>>, LedgerError> {
        let one = "SELECT body FROM closures WHERE repository = ? AND root = ?";
        let body: Option<String> = sqlx::query_scalar(one)
            .bind(repository.to_string())
            .bind(root.to_string())
            .fetch_optional(&self.readers)
            .await?;
        body.map(|body| stored::body(&body).map(Arc::new))
            .transpose()
    }
}
