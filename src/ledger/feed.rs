//! Decisions in the order in which they were written, for who follows them.
//!
//! A position is given in the transaction that writes the decision, from one row that
//! the transaction holds: who has read up to a position misses nothing that is committed
//! later, whichever process writes it.

use jiff::Timestamp;

use super::sql::query;
use super::write::WriteTransaction;
use super::{Ledger, LedgerError, columns};
use crate::trust::Decision;

/// A decision, and where it stands in the order of writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedDecision {
    pub position: u64,
    pub decision: Decision,
}

impl Ledger {
    /// The position of what was written last; 0: nothing was.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn newest_position(&self) -> Result<u64, LedgerError> {
        let newest = query("SELECT position FROM feed");
        let position: i64 = newest.value(&self.readers).await?;
        columns::unsigned(position)
    }

    /// The position behind which every decision stands that was made at `since` or later.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn position_before(&self, since: Timestamp) -> Result<u64, LedgerError> {
        // Read before: what is written meanwhile is either found, or stands behind it.
        let newest = self.newest_position().await?;
        let first = "SELECT min(position) FROM decisions WHERE time >= ?";
        let first: Option<i64> = query(first)
            .bind(since.as_microsecond())
            .value(&self.readers)
            .await?;
        match first {
            Some(first) => Ok(columns::unsigned(first)?.saturating_sub(1)),
            None => Ok(newest),
        }
    }

    /// What was written behind `position`, the oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn decisions_behind(
        &self,
        position: u64,
        limit: u32,
    ) -> Result<Vec<PlacedDecision>, LedgerError> {
        let behind = "SELECT position, body FROM decisions WHERE position > ? \
                      ORDER BY position LIMIT ?";
        let rows: Vec<(i64, String)> = query(behind)
            .bind(i64::try_from(position).unwrap_or(i64::MAX))
            .bind(limit)
            .all(&self.readers)
            .await?;
        let read = |(position, body): &(i64, String)| {
            Ok(PlacedDecision {
                position: columns::unsigned(*position)?,
                decision: columns::body(body)?,
            })
        };
        rows.iter().map(read).collect()
    }
}

/// The first of `count` new positions. No other transaction gets one until this one ends.
pub(super) async fn take_positions(
    writing: &mut WriteTransaction<'_>,
    count: usize,
) -> Result<i64, LedgerError> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let take = "UPDATE feed SET position = position + ? RETURNING position";
    let last: i64 = query(take).bind(count).value(writing.sql()).await?;
    Ok(last - count + 1)
}
