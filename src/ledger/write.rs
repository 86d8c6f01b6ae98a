//! Every write: begin, change rows, note the change, commit, change the index, return.
//! Writes and `follow` take turns, so the index sees changes in the order of their
//! commits.

use std::sync::atomic::Ordering;

use jiff::Timestamp;
use sqlx::{Sqlite, SqliteConnection, Transaction};
use tokio::sync::MutexGuard;

use super::change::LedgerChange;
use super::{Ledger, LedgerError, columns};

/// A write under way. Dropped, it leaves no trace.
pub(super) struct WriteTransaction<'a> {
    _turn: MutexGuard<'a, ()>,
    transaction: Transaction<'static, Sqlite>,
    at: Option<Timestamp>,
    changes: Vec<(u64, LedgerChange)>,
}

impl WriteTransaction<'_> {
    pub fn sql(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }

    /// Appends to `changes`.
    pub async fn note(&mut self, change: LedgerChange) -> Result<(), LedgerError> {
        let append = "INSERT INTO changes (kind, subject, at) VALUES (?, ?, ?) RETURNING seq";
        let seq: i64 = sqlx::query_scalar(append)
            .bind(change.kind())
            .bind(change.subject())
            .bind(columns::micros(self.at))
            .fetch_one(self.sql())
            .await?;
        self.changes.push((columns::unsigned(seq)?, change));
        Ok(())
    }
}

impl Ledger {
    /// Waits for its turn, here and among processes. `at` is the time of what is
    /// written, where it has one.
    pub(super) async fn begin(
        &self,
        at: Option<Timestamp>,
    ) -> Result<WriteTransaction<'_>, LedgerError> {
        let turn = self.write_turn.lock().await;
        let transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        Ok(WriteTransaction {
            _turn: turn,
            transaction,
            at,
            changes: Vec::new(),
        })
    }

    /// Commits, then applies the changes to memory, then releases the write lock.
    pub(super) async fn commit(&self, writing: WriteTransaction<'_>) -> Result<(), LedgerError> {
        let WriteTransaction {
            _turn,
            transaction,
            at,
            changes,
        } = writing;
        transaction.commit().await?;
        if let Some(at) = at {
            self.newest
                .fetch_max(at.as_microsecond(), Ordering::Relaxed);
        }
        let gapless = changes
            .first()
            .is_some_and(|(seq, _)| *seq == self.index.seq() + 1);
        for (seq, change) in &changes {
            self.apply(*seq, change).await?;
        }
        match changes.last() {
            // Else others wrote in between, and `follow` goes over it all again.
            Some((seq, _)) if gapless && self.index.is_complete() => self.index.set_seq(*seq),
            _ => {}
        }
        Ok(())
    }

    /// Brings memory up to one change. The state is read anew, not counted on, so
    /// that doing it twice does no harm; and what rests on it is forgotten even
    /// if that fails.
    pub(super) async fn apply(&self, seq: u64, change: &LedgerChange) -> Result<(), LedgerError> {
        if !self.index.is_complete() {
            return Ok(());
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
                    match self.last_promoted(tag).await? {
                        Some(digest) => tables.promoted.insert(tag.clone(), digest),
                        None => tables.promoted.remove(tag).map(|(_, digest)| digest),
                    };
                }
            }
            LedgerChange::Revocation(digest) => {
                let active = self.active_revocations([digest]).await?;
                tables.set_revoked(digest, active);
            }
            LedgerChange::Closure(repository, root) => {
                if let Some(closure) = self.stored_closure(repository, root).await? {
                    tables.members.insert(repository, closure);
                }
            }
            LedgerChange::Alias(sha256, sha512) => tables.members.set_alias(sha256, sha512),
            LedgerChange::Token(name) => {
                let row = self.token_row(name).await?;
                tables.holders.set(name, row)?;
            }
            LedgerChange::BreakGlass(digest) => self.refresh_break_glass(&tables, digest).await?,
            LedgerChange::Mode(environment) => self.refresh_mode(&tables, environment).await?,
        }
        Ok(())
    }
}
