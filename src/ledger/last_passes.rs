//! Who was let have a digest last, and what was denied: from the prunable index of the
//! audit log.

use jiff::Timestamp;

use super::decisions::{counted, decision};
use super::sql::{either, query};
use super::{Ledger, LedgerError};
use crate::metrics::LedgerVerb;
use crate::oci::Digest;
use crate::trust::{Decision, EnvironmentName};

/// Decisions that are looked through for one that is wanted, at most.
const MAX_LOOKED_THROUGH: u32 = 1000;

/// A bare column comes from the row that max() found.
const NEWEST_DENIED: &str = "SELECT body, sum(count), max(time) AS newest FROM decisions \
    WHERE time >= ? AND verdict IN ('denied', 'would-deny') \
    AND body ->> '$.digest' IS NOT NULL \
    GROUP BY environment, body ->> '$.image', body ->> '$.digest' ORDER BY newest DESC";
const NEWEST_DENIED_ON_SERVER: &str = "SELECT body, total, time FROM (\
    SELECT body, time, CAST(sum(count) OVER alike AS BIGINT) AS total, \
    row_number() OVER (alike ORDER BY time DESC, id DESC) AS place \
    FROM decisions WHERE time >= ? AND verdict IN ('denied', 'would-deny') \
    AND body ->> '$.digest' IS NOT NULL \
    WINDOW alike AS (PARTITION BY environment, body ->> '$.image', body ->> '$.digest')) \
    AS denied WHERE place = 1 ORDER BY time DESC";

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
                      AND body ->> '$.door' = 'registry' ORDER BY time DESC LIMIT ?";
        let mut found = query(passes)
            .bind(digest.to_string())
            .bind(environment.as_str())
            .bind(MAX_LOOKED_THROUGH)
            .first(1, &self.readers, decision, wanted)
            .await?;
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
        let rows = either(NEWEST_DENIED, NEWEST_DENIED_ON_SERVER)
            .bind(since.as_microsecond())
            .all(&self.readers)
            .await?;
        rows.into_iter().map(counted).collect()
    }
}
