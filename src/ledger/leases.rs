//! Leases: work that one replica at a time does.
//!
//! A lease ends by the ledger's clock, so that replicas need not agree on the time, and
//! its fence tells one holding from the next.

use std::time::Duration;

use jiff::Timestamp;

use super::sql::query;
use super::{Ledger, LedgerError};

impl Ledger {
    /// Takes the lease `name` for `holder`, or holds it for longer: its fence, or `None`
    /// where another holds it.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written; then nothing is known of who holds it.
    pub async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        term: Duration,
        now: Timestamp,
    ) -> Result<Option<i64>, LedgerError> {
        let take = "INSERT INTO leases (name, holder, until, fence) VALUES (?, ?, ?, 1) \
                    ON CONFLICT (name) DO UPDATE SET \
                    holder = excluded.holder, until = excluded.until, \
                    fence = leases.fence + \
                            CASE WHEN leases.holder = excluded.holder THEN 0 ELSE 1 END \
                    WHERE leases.holder = excluded.holder OR leases.until <= ? \
                    RETURNING fence";
        let term = i64::try_from(term.as_micros()).unwrap_or(i64::MAX);
        // Read before: the lease ends a little earlier than it could.
        let now = self.agreed_time(now).await?;
        let taken = query(take)
            .bind(name)
            .bind(holder)
            .bind(now.saturating_add(term))
            .bind(now);
        Ok(taken.optional_value(&self.writer).await?)
    }

    /// Gives back whatever `holder` holds, so that others need not wait for its end.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written; then the leases end by themselves.
    pub async fn release_leases(&self, holder: &str) -> Result<(), LedgerError> {
        let release = query("UPDATE leases SET until = 0 WHERE holder = ?");
        release.bind(holder).execute(&self.writer).await?;
        Ok(())
    }
}
