//! Who was let have a digest last, and what was denied: from the prunable index of the
//! audit log.

use futures_util::{StreamExt, TryStreamExt};
use jiff::Timestamp;

use super::columns::only;
use super::{Ledger, LedgerError, columns};
use crate::metrics::LedgerVerb;
use crate::oci::Digest;
use crate::trust::{Decision, EnvironmentName};

/// Decisions that are looked through for one that is wanted, at most.
const MAX_LOOKED_THROUGH: usize = 1000;

impl Ledger {
    /// The newest decision that let a pull have `digest` in an environment, of those that
    /// `wanted` holds for.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn last_pass(
        &self,
        digest: &Digest,
        environment: &EnvironmentName,
        wanted: impl Fn(&Decision) -> bool,
    ) -> Result<Option<Decision>, LedgerError> {
        let _timed = self.timed(LedgerVerb::LastPass);
        let passes = "SELECT body FROM decisions \
                      WHERE body ->> '$.digest' = ? AND body ->> '$.digest' IS NOT NULL \
                      AND environment = ? AND verdict <> 'denied' \
                      AND body ->> '$.door' = 'registry' ORDER BY time DESC";
        let bodies = sqlx::query_scalar(passes)
            .bind(digest.to_string())
            .bind(environment.as_str())
            .fetch(&self.readers);
        let read = |body: Result<String, sqlx::Error>| columns::body::<Decision>(&body?);
        let looked = bodies.take(MAX_LOOKED_THROUGH).map(read);
        let mut found = only(looked, 1, wanted).await?;
        Ok(found.pop())
    }

    /// What was denied since then, or would have been in `enforce`: the newest decision of
    /// each environment, image as it was asked for and digest, with the count of all of
    /// them.
    ///
    /// # Errors
    /// Where the records cannot be read.
    pub async fn denied_since(&self, since: Timestamp) -> Result<Vec<Decision>, LedgerError> {
        let _timed = self.timed(LedgerVerb::DeniedSince);
        // A bare column comes from the row that max() found.
        let newest = "SELECT body, sum(count), max(time) AS newest FROM decisions \
                      WHERE time >= ? AND verdict IN ('denied', 'would-deny') \
                      AND body ->> '$.digest' IS NOT NULL \
                      GROUP BY environment, body ->> '$.image', body ->> '$.digest' \
                      ORDER BY newest DESC";
        let mut rows = sqlx::query_as::<_, (String, i64, i64)>(newest)
            .bind(since.as_microsecond())
            .fetch(&self.readers);
        let mut denied = Vec::new();
        while let Some((body, count, _)) = rows.try_next().await? {
            denied.push(Decision {
                count: columns::unsigned(count)?,
                ..columns::body(&body)?
            });
        }
        Ok(denied)
    }
}
