//! Applies what other processes wrote, by the sequence of changes.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use jiff::{SignedDuration, Timestamp};
use sqlx::SqliteConnection;

use super::change::LedgerChange;
use super::load::newest_seq;
use super::open_transaction::OpenTransaction;
use super::{Ledger, LedgerError};
use crate::metrics::LedgerVerb;
use crate::storage_fault::StorageFault;

type ChangeRow = (i64, String, String, Option<i64>);

/// How many changes are read at once.
const CHANGES_PER_READ: u32 = 1000;

impl Ledger {
    /// Brings memory up to all that was written, by whomever; returns how many
    /// changes that were. Called every quarter of a second. A gap in the sequence,
    /// or a change that this program does not know, loads the index anew.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn follow_once(&self, now: Timestamp) -> Result<u64, LedgerError> {
        let _timed = self.timed(LedgerVerb::FollowOnce);
        let _turn = self.write_turn.lock().await;
        let followed = self.follow(now).await;
        let fault = followed.as_ref().err().and_then(LedgerError::fault);
        *self.unread.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        followed
    }

    async fn follow(&self, now: Timestamp) -> Result<u64, LedgerError> {
        if let Some(fault) = self.placement.fault() {
            return Err(LedgerError::Displaced(fault));
        }
        let before = self.index.seq();
        if !self.index.is_complete() {
            self.load().await?;
        }
        while self.follow_batch().await? {}
        self.confirmed
            .store(now.as_microsecond(), Ordering::Relaxed);
        Ok(self.index.seq().saturating_sub(before))
    }

    /// Whether there may be more.
    async fn follow_batch(&self) -> Result<bool, LedgerError> {
        let applied = self.index.seq();
        let mut snapshot = OpenTransaction::read(&self.readers).await?;
        let newest = self.newest_of_this(snapshot.sql()).await?;
        if newest == applied {
            snapshot.commit().await?;
            return Ok(false);
        }
        let next = "SELECT seq, kind, subject, at FROM changes WHERE seq > ? ORDER BY seq LIMIT ?";
        let rows: Vec<ChangeRow> = sqlx::query_as(next)
            .bind(applied.cast_signed())
            .bind(CHANGES_PER_READ)
            .fetch_all(snapshot.sql())
            .await?;
        snapshot.commit().await?;
        match without_gap(applied, newest, &rows) {
            Some(changes) => self.apply_all(applied, &changes).await?,
            None => self.load().await?,
        }
        self.note_times(&rows);
        Ok(true)
    }

    /// The newest change, of this very ledger. One that has come less far than memory is an
    /// older one, put in the place of ours: memory knows better, and stays.
    pub(super) async fn newest_of_this(
        &self,
        sql: &mut SqliteConnection,
    ) -> Result<u64, LedgerError> {
        let id: String = sqlx::query_scalar("SELECT id FROM identity")
            .fetch_one(&mut *sql)
            .await?;
        if id != self.id {
            return Err(LedgerError::Displaced(StorageFault::Replaced));
        }
        let newest = newest_seq(sql).await?;
        match newest < self.index.seq() {
            true => Err(LedgerError::Displaced(StorageFault::Older)),
            false => Ok(newest),
        }
    }

    async fn apply_all(&self, applied: u64, changes: &[LedgerChange]) -> Result<(), LedgerError> {
        for (seq, change) in (applied + 1..).zip(changes) {
            self.apply(seq, change).await?;
            self.index.set_seq(seq);
        }
        Ok(())
    }

    fn note_times(&self, rows: &[ChangeRow]) {
        if let Some(newest) = rows.iter().filter_map(|row| row.3).max() {
            self.newest.fetch_max(newest, Ordering::Relaxed);
        }
    }

    /// How long ago memory was last known to hold every change.
    pub fn confirmed_age(&self, now: Timestamp) -> SignedDuration {
        let age = now.duration_since(self.confirmed_at());
        age.max(SignedDuration::ZERO)
    }

    /// Whether that is too long ago to decide anything, or as far ahead: then the
    /// clock was set back, and how long ago it was nobody knows.
    pub fn is_silent(&self, now: Timestamp) -> bool {
        now.duration_since(self.confirmed_at()).abs() > self.config.max_silence
    }

    fn confirmed_at(&self) -> Timestamp {
        let confirmed = self.confirmed.load(Ordering::Relaxed);
        Timestamp::from_microsecond(confirmed).unwrap_or(Timestamp::MIN)
    }

    /// Forgets all but the newest `keep` changes. A reader that has not come as
    /// far finds the gap and loads the index anew.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written; then nothing of it is.
    pub async fn prune_changes(&self, keep: u64) -> Result<u64, LedgerError> {
        let mut writing = self.begin(None).await?;
        let newest = newest_seq(writing.sql()).await?;
        let pruned = sqlx::query("DELETE FROM changes WHERE seq <= ?")
            .bind(newest.saturating_sub(keep).cast_signed())
            .execute(writing.sql())
            .await?;
        self.commit(writing).await?;
        Ok(pruned.rows_affected())
    }
}

/// The changes right after `applied`, in order; `None` when one is missing or not
/// understood.
fn without_gap(applied: u64, newest: u64, rows: &[ChangeRow]) -> Option<Vec<LedgerChange>> {
    let count = rows.len() as u64;
    let complete = count == u64::from(CHANGES_PER_READ) || applied + count == newest;
    if rows.is_empty() || !complete {
        return None;
    }
    let expected = applied.cast_signed() + 1..;
    expected
        .zip(rows)
        .map(|(expected, (seq, kind, subject, _))| {
            let change = LedgerChange::parse(kind, subject);
            change.filter(|_| *seq == expected)
        })
        .collect()
}
