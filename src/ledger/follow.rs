//! Applies what other processes wrote, by the sequence of changes.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::sleep;

use super::change::LedgerChange;
use super::load::newest_seq;
use super::placement::Placement;
use super::sql::{OpenTransaction, SqlConnection, either, query};
use super::{Ledger, LedgerError, columns};
use crate::metrics::LedgerVerb;
use crate::storage_fault::StorageFault;

type ChangeRow = (i64, String, String, Option<i64>);

/// How many changes are read at once.
const CHANGES_PER_READ: u32 = 1000;

const SELECT_MARK: &str = "SELECT id, \
    (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'changes') FROM identity";
const SERVER_MARK: &str = "SELECT id, newest_change FROM identity";
const LOCKED_SERVER_MARK: &str = "SELECT id, newest_change FROM identity FOR UPDATE";

impl Ledger {
    /// Brings memory up to all that was written, by whomever; returns how many
    /// changes that were. Called every quarter of a second. A gap in the sequence,
    /// or a change that this program does not know, loads the index anew.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn follow_once(&self, now: Timestamp) -> Result<u64, LedgerError> {
        let _timed = self.timed(LedgerVerb::FollowOnce);
        let _turn = self.apply_turn.lock().await;
        let followed = self.follow(now).await;
        let fault = followed.as_ref().err().and_then(LedgerError::fault);
        *self.unread.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        followed
    }

    async fn follow(&self, now: Timestamp) -> Result<u64, LedgerError> {
        if let Some(fault) = self.placement.as_ref().and_then(Placement::fault) {
            return Err(LedgerError::Displaced(fault));
        }
        let before = self.index.seq();
        if !self.index.is_begun() {
            self.load().await?;
        }
        while self.follow_batch(now).await? {}
        self.confirmed
            .store(now.as_microsecond(), Ordering::Relaxed);
        Ok(self.index.seq().saturating_sub(before))
    }

    /// Whether there may be more.
    async fn follow_batch(&self, now: Timestamp) -> Result<bool, LedgerError> {
        let applied = self.index.seq();
        let mut snapshot = OpenTransaction::read(&self.readers).await?;
        let newest = self.newest_of_this(snapshot.sql()).await?;
        if newest == applied {
            snapshot.commit().await?;
            return Ok(false);
        }
        let next = "SELECT seq, kind, subject, at FROM changes WHERE seq > ? ORDER BY seq LIMIT ?";
        let rows: Vec<ChangeRow> = query(next)
            .bind(applied.cast_signed())
            .bind(CHANGES_PER_READ)
            .all(snapshot.sql())
            .await?;
        snapshot.commit().await?;
        match without_gap(applied, newest, &rows) {
            Some(changes) => self.apply_all(applied, &changes).await?,
            None => self.load().await?,
        }
        self.note_times(&rows, now);
        Ok(true)
    }

    /// The newest change, of this very ledger. One that has come less far than memory is an
    /// older one, put in the place of ours: memory knows better, and stays.
    pub(super) async fn newest_of_this(&self, sql: &mut SqlConnection) -> Result<u64, LedgerError> {
        // Before it is asked: what is written meanwhile may be in memory when it answers.
        let applied = self.index.seq();
        let (id, newest): (String, i64) = either(SELECT_MARK, SERVER_MARK).one(sql).await?;
        self.newest_unless_displaced(&id, newest, applied)
    }

    /// The same, where a write begins: on a server no other goes on before this one ends.
    pub(super) async fn newest_to_write_after(
        &self,
        sql: &mut SqlConnection,
    ) -> Result<u64, LedgerError> {
        let applied = self.index.seq();
        let (id, newest): (String, i64) = either(SELECT_MARK, LOCKED_SERVER_MARK).one(sql).await?;
        self.newest_unless_displaced(&id, newest, applied)
    }

    fn newest_unless_displaced(
        &self,
        id: &str,
        newest: i64,
        applied: u64,
    ) -> Result<u64, LedgerError> {
        if id != self.id {
            return Err(LedgerError::Displaced(StorageFault::Replaced));
        }
        let newest = columns::unsigned(newest)?;
        match newest < applied {
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

    fn note_times(&self, rows: &[ChangeRow], now: Timestamp) {
        for at in rows.iter().filter_map(|row| row.3) {
            self.newest.fetch_max(at, Ordering::Relaxed);
            let lag = now.as_microsecond().saturating_sub(at).max(0);
            self.lag.store(lag, Ordering::Relaxed);
            let lag = Duration::from_micros(lag.unsigned_abs());
            self.metrics.ledger.lag_seconds.observe(lag.as_secs_f64());
        }
    }

    /// How long it took until the last write of another process was in force here, by both
    /// clocks; `None` before there was one.
    pub fn last_lag(&self) -> Option<Duration> {
        let micros = u64::try_from(self.lag.load(Ordering::Relaxed));
        micros.ok().map(Duration::from_micros)
    }

    /// Whether somebody wrote within `wait`, as far as the database tells; a file never
    /// does.
    pub async fn told_within(&self, wait: Duration) -> bool {
        match &self.listener {
            Some(listener) => listener.told_within(wait).await,
            None => {
                sleep(wait).await;
                false
            }
        }
    }

    /// Whether the database tells of what was written.
    pub fn is_told(&self) -> bool {
        self.listener.is_some()
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

    /// Whether it will be soon, if nothing is heard meanwhile: after three quarters of that
    /// time.
    pub fn falls_silent_soon(&self, now: Timestamp) -> bool {
        let silence = now.duration_since(self.confirmed_at()).abs();
        silence > self.config.max_silence / 4 * 3
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
        let pruned = query("DELETE FROM changes WHERE seq <= ?")
            .bind(newest.saturating_sub(keep).cast_signed())
            .execute(writing.sql())
            .await?;
        self.commit(writing).await?;
        Ok(pruned)
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
