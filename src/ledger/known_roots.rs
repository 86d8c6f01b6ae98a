//! Which digests of a repository are known: for who looks for one that would pass.

use futures_util::TryStreamExt;
use jiff::Timestamp;

use super::sql::query;
use super::{Ledger, LedgerError, columns};
use crate::oci::{Digest, Repository};
use crate::trust::EnvironmentName;

/// A digest of a repository that somebody could pull by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownRoot {
    pub digest: Digest,
    /// When it was last promoted to the environment that was asked for.
    pub promoted_at: Option<Timestamp>,
    /// The tag it was promoted under.
    pub tag: Option<String>,
}

impl Ledger {
    /// The roots of a repository that are known, at most `limit`: those promoted to
    /// `environment` first, the newest of them in front; then recorded ones.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn known_roots(
        &self,
        environment: &EnvironmentName,
        repository: &Repository,
        limit: usize,
    ) -> Result<Vec<KnownRoot>, LedgerError> {
        let mut found: Vec<KnownRoot> = Vec::new();
        let promoted = "SELECT digest, tag, promoted_at FROM promotions \
                        WHERE environment = ? AND repository = ? AND withdrawn_at IS NULL \
                        ORDER BY promoted_at DESC, id DESC";
        let mut reading = self.readers.acquire().await?;
        let mut rows = query(promoted)
            .bind(environment.as_str())
            .bind(repository.to_string())
            .rows::<(String, Option<String>, i64)>(&mut reading);
        while let Some((digest, tag, at)) = rows.try_next().await? {
            let promoted_at = Some(columns::time(at)?);
            let digest = columns::text(&digest)?;
            add(
                &mut found,
                KnownRoot {
                    digest,
                    promoted_at,
                    tag,
                },
                limit,
            );
        }
        drop(rows);
        let recorded = "SELECT root FROM closures WHERE repository = ? ORDER BY root LIMIT ?";
        let mut rows = query(recorded)
            .bind(repository.to_string())
            .bind(i64::try_from(limit.saturating_mul(2)).unwrap_or(i64::MAX))
            .rows::<(String,)>(&mut reading);
        while found.len() < limit
            && let Some((root,)) = rows.try_next().await?
        {
            let (digest, promoted_at, tag) = (columns::text(&root)?, None, None);
            add(
                &mut found,
                KnownRoot {
                    digest,
                    promoted_at,
                    tag,
                },
                limit,
            );
        }
        Ok(found)
    }
}

fn add(found: &mut Vec<KnownRoot>, root: KnownRoot, limit: usize) {
    let is_new = found.iter().all(|known| known.digest != root.digest);
    if is_new && found.len() < limit {
        found.push(root);
    }
}
