//! How every write goes: begin, change rows, note the change, commit, change the
//! index, return. Writes and `follow` take turns, so the index sees changes in
//! the order of their commits.

use std::sync::atomic::Ordering;

use jiff::Timestamp;
use sqlx::{Sqlite, SqliteConnection, Transaction};
use tokio::sync::MutexGuard;

use super::change::Change;
use super::{Ledger, LedgerError, stored};

/// A write under way. Dropped, it leaves no trace.
pub(super) struct Writing<'a> {
    _turn: MutexGuard<'a, ()>,
    transaction: Transaction<'static, Sqlite>,
    at: Option<Timestamp>,
    changes: Vec<(u64, Change)>,
}

impl Writing<'_> {
    pub fn sql(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }

    /// Appends to `changes`.
    pub async fn note(&mut self, change: Change) -> Result<(), LedgerError> {
        let append = "INSERT INTO changes (kind, subject, at) VALUES (?, ?, ?) RETURNING seq";
        let seq: i64 = sqlx::query_scalar(append)
            .bind(change.kind())
            .bind(change.subject())
            .bind(stored::micros(self.at))
            .fetch_one(self.sql())
            .await?;
        self.changes.push((stored::unsigned(seq)?, change));
        Ok(())
    }
}

impl Ledger {
    /// Waits for its turn, here and among processes. `at` is the time of what is
    /// written, where it has one.
    pub(super) async fn begin(&self, at: Option<Timestamp>) -> Result<Writing<'_>, LedgerError> {
        let turn = self.turn.lock().await;
        let transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        Ok(Writing {
            _turn: turn,
            transaction,
            at,
            changes: Vec::new(),
        })
    }

    /// Makes it durable, then known. Its turn ends when memory shows it.
    pub(super) async fn commit(&self, writing: Writing<'_>) -> Result<(), LedgerError> {
        let Writing {
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
    pub(super) async fn apply(&self, seq: u64, change: &Change) -> Result<(), LedgerError> {
        if !self.index.is_complete() {
            return Ok(());
        }
        let refreshed = self.refresh(change).await;
        self.index.tables().touch(change, seq);
        refreshed
    }

    async fn refresh(&self, change: &Change) -> Result<(), LedgerError> {
        let tables = self.index.tables();
        match change {
            Change::Scan(digest) => tables.members.note(digest),
            Change::Promotion(digest, tag) => {
                tables.members.note(digest);
                if let Some(tag) = tag {
                    match self.last_promoted(tag).await? {
                        Some(digest) => tables.promoted.insert(tag.clone(), digest),
                        None => tables.promoted.remove(tag).map(|(_, digest)| digest),
                    };
                }
            }
            Change::Revocation(digest) => {
                let active = self.active_revocations([digest]).await?;
                tables.set_revoked(digest, active);
            }
            Change::Closure(repository, root) => {
                if let Some(closure) = self.stored_closure(repository, root).await? {
                    tables.members.insert(repository, closure);
                }
            }
            Change::Alias(sha256, sha512) => tables.members.pair(sha256, sha512),
            Change::Token(name) => {
                let row = self.token_row(name).await?;
                tables.holders.set(name, row)?;
            }
            Change::BreakGlass(digest) => self.refresh_grants(&tables, digest).await?,
            Change::Mode(environment) => self.refresh_mode(&tables, environment).await?,
        }
        Ok(())
    }
}
