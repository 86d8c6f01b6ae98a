//! Every write: begin, change rows, note the change, commit, change the index, return.
//! Writes take turns, and so do whoever brings memory up to them: a write and `follow`. A
//! write that takes long holds back no change of another process.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

use super::change::LedgerChange;
use super::placement::Placement;
use super::sql::{OpenTransaction, SqlConnection, either, no_answer, query};
use super::write_health::WriteHealth;
use super::{Ledger, LedgerError, columns};
use crate::random;

/// What a probe writes: more than most writes need, so that one which is made says that
/// they will be.
const PROBE_BLOCKS: usize = 1 << 10;
/// How long a write waits for those before it.
const TURN_TIMEOUT: Duration = Duration::from_secs(30);

const APPEND: &str = "INSERT INTO changes (kind, subject, at) VALUES (?, ?, ?) RETURNING seq";
/// Counted in the row that the write has locked, so that no number is left out and the
/// order of the numbers is that of the commits. Who listens is told at the commit, once.
const COUNT_AND_APPEND: &str = "WITH counted AS (UPDATE identity \
    SET newest_change = newest_change + 1 RETURNING newest_change), \
    told AS (SELECT pg_notify('sekisho_changes', '')) \
    INSERT INTO changes (seq, kind, subject, at) \
    SELECT newest_change, ?, ?, ? FROM counted, told RETURNING seq";

/// A write under way. Dropped, it leaves no trace.
pub(super) struct WriteTransaction<'a> {
    /// `None`: it is evidence, and has not settled (see `evidence_turn`).
    pub(super) turn: Option<MutexGuard<'a, ()>>,
    pub(super) evidence_turn: Option<MutexGuard<'a, ()>>,
    attempt: WriteAttempt<'a>,
    transaction: OpenTransaction,
    at: Option<Timestamp>,
    changes: Vec<(u64, LedgerChange)>,
}

/// Says how a write went; dropped without a word, it was given up.
struct WriteAttempt<'a>(Option<&'a WriteHealth>);

impl WriteAttempt<'_> {
    fn made(mut self) {
        if let Some(health) = self.0.take() {
            health.made();
        }
    }

    fn failed(mut self, error: LedgerError) -> LedgerError {
        if let (Some(health), Some(fault)) = (self.0.take(), error.fault()) {
            health.failed(fault);
        }
        error
    }
}

impl Drop for WriteAttempt<'_> {
    fn drop(&mut self) {
        if let Some(health) = self.0 {
            health.given_up();
        }
    }
}

impl WriteTransaction<'_> {
    pub fn sql(&mut self) -> &mut SqlConnection {
        self.transaction.sql()
    }

    /// The newest change that it made.
    pub fn newest_change(&self) -> Option<u64> {
        self.changes.last().map(|(seq, _)| *seq)
    }

    /// Appends to `changes`: the sequence number that it has there.
    pub async fn note(&mut self, change: LedgerChange) -> Result<u64, LedgerError> {
        let seq: i64 = either(APPEND, COUNT_AND_APPEND)
            .bind(change.kind())
            .bind(change.subject())
            .bind(columns::micros(self.at))
            .value(self.sql())
            .await?;
        let seq = columns::unsigned(seq)?;
        self.changes.push((seq, change));
        Ok(seq)
    }
}

/// # Errors
/// Those before it take too long.
pub(super) async fn turn_of(turns: &Mutex<()>) -> Result<MutexGuard<'_, ()>, LedgerError> {
    let turn = timeout(TURN_TIMEOUT, turns.lock()).await;
    Ok(turn.map_err(|_| no_answer("writes before it take too long"))?)
}

impl Ledger {
    /// Waits for its turn, here and among processes. `at` is the time of what is
    /// written, where it has one.
    pub(super) async fn begin(
        &self,
        at: Option<Timestamp>,
    ) -> Result<WriteTransaction<'_>, LedgerError> {
        let turns = (Some(turn_of(&self.write_turn).await?), None);
        self.begun(at, turns, self.open_transaction()).await
    }

    /// A transaction that was opened within these turns: that of writes, and of evidence.
    pub(super) async fn begun<'a>(
        &'a self,
        at: Option<Timestamp>,
        (turn, evidence_turn): (Option<MutexGuard<'a, ()>>, Option<MutexGuard<'a, ()>>),
        opened: impl Future<Output = Result<OpenTransaction, LedgerError>>,
    ) -> Result<WriteTransaction<'a>, LedgerError> {
        let attempt = WriteAttempt(Some(&self.write_health));
        let transaction = match opened.await {
            Ok(transaction) => transaction,
            Err(error) => return Err(attempt.failed(error)),
        };
        Ok(WriteTransaction {
            turn,
            evidence_turn,
            attempt,
            transaction,
            at,
            changes: Vec::new(),
        })
    }

    /// Nothing is begun in a file that lies elsewhere by now, or that is an older one.
    async fn open_transaction(&self) -> Result<OpenTransaction, LedgerError> {
        self.is_in_place()?;
        let mut transaction = OpenTransaction::write(&self.writer).await?;
        self.newest_to_write_after(transaction.sql()).await?;
        Ok(transaction)
    }

    /// Nothing that was written to a file moved away meanwhile is acknowledged.
    async fn commit_in_place(&self, transaction: OpenTransaction) -> Result<(), LedgerError> {
        transaction.commit().await?;
        self.is_in_place()
    }

    fn is_in_place(&self) -> Result<(), LedgerError> {
        match self.placement.as_ref().and_then(Placement::fault) {
            None => Ok(()),
            Some(fault) => Err(LedgerError::Displaced(fault)),
        }
    }

    /// Commits, then applies the changes to memory, then gives its turn to the next.
    pub(super) async fn commit(&self, writing: WriteTransaction<'_>) -> Result<(), LedgerError> {
        let WriteTransaction {
            turn: _turn,
            evidence_turn: _evidence_turn,
            attempt,
            transaction,
            at,
            changes,
        } = writing;
        match self.commit_in_place(transaction).await {
            Ok(()) => attempt.made(),
            Err(error) => return Err(attempt.failed(error)),
        }
        if let Some(at) = at {
            self.newest
                .fetch_max(at.as_microsecond(), Ordering::Relaxed);
        }
        let _applying = self.apply_turn.lock().await;
        let gapless = changes
            .first()
            .is_some_and(|(seq, _)| *seq == self.index.seq() + 1);
        for (seq, change) in &changes {
            // It is written: a connection that was lost meanwhile is worth another look.
            if self.apply(*seq, change).await.is_err() {
                self.apply(*seq, change).await?;
            }
        }
        match changes.last() {
            // Else others wrote in between, and `follow` goes over it all again.
            Some((seq, _)) if gapless && self.index.is_begun() => self.index.set_seq(*seq),
            _ => {}
        }
        Ok(())
    }

    /// Writes something of no meaning where the last write failed or was given up: so it
    /// shows that there is room again, though nobody writes. Called each second.
    pub async fn probe_once(&self) {
        if self.write_health.wants_probe()
            && let Err(error) = self.probe().await
        {
            tracing::warn!(%error, "the ledger cannot be written");
            // Its statement may have failed, of which nobody else says why.
            if let Some(fault) = error.fault() {
                self.write_health.failed(fault);
            }
        }
    }

    async fn probe(&self) -> Result<(), LedgerError> {
        // As blocks: one array of this size is too much for the stack of a task.
        let blocks = (0..PROBE_BLOCKS).map(|_| random::bytes::<64>());
        let content: Vec<u8> = blocks.flatten().collect();
        let mut writing = self.begin(None).await?;
        query("UPDATE identity SET probe = ?")
            .bind(content)
            .execute(writing.sql())
            .await?;
        self.commit(writing).await
    }

    /// Brings memory up to one change. The state is read anew, not counted on, so
    /// that doing it twice does no harm; and what rests on it is forgotten even
    /// if that fails.
    pub(super) async fn apply(&self, seq: u64, change: &LedgerChange) -> Result<(), LedgerError> {
        if !self.index.is_begun() {
            return Ok(());
        }
        if let LedgerChange::Alias(..) = change {
            // Once a digest's counterpart is known, nobody looks for it any more: no verdict
            // from before may hold by then.
            self.index.tables().touch(change, seq);
        }
        let refreshed = self.refresh(change).await;
        self.index.tables().touch(change, seq);
        refreshed
    }

    async fn refresh(&self, change: &LedgerChange) -> Result<(), LedgerError> {
        let tables = self.index.tables();
        match change {
            LedgerChange::Scan(digest) => tables.members.note(digest),
            LedgerChange::Promotion(digest, tag) => {
                tables.members.note(digest);
                if let Some(tag) = tag {
                    let last = self.last_promoted(tag).await?;
                    tables.members.set_promoted(tag, last.as_ref());
                }
            }
            LedgerChange::Revocation(digest) => {
                let active = self.active_revocations([digest]).await?;
                tables.set_revoked(digest, active);
            }
            LedgerChange::Closure(repository, root) => {
                if let Some(closure) = self.stored_closure(repository, root).await? {
                    tables.note_named(closure.digests());
                    tables.members.insert(repository, &closure);
                }
            }
            LedgerChange::Alias(sha256, sha512) => tables.members.set_alias(sha256, sha512),
            LedgerChange::Token(name) => {
                let row = self.token_row(name).await?;
                tables.holders.set(name, row)?;
            }
            LedgerChange::Act => {}
            LedgerChange::BreakGlass(digest) => self.refresh_break_glass(&tables, digest).await?,
            LedgerChange::Mode(environment) => self.refresh_mode(&tables, environment).await?,
        }
        Ok(())
    }
}
