//! Evidence is written beside other writes, where a server keeps the ledger.
//!
//! A report may list 200,000 findings, which takes a server many seconds. A revocation must
//! not wait for them. So evidence takes turns of its own among all replicas, and takes its
//! turn among all writes only once its rows are there: it settles. Whatever else changes
//! rows of scans begins as evidence, too, so that nobody who has a turn among all waits for
//! somebody who wants one. In SQLite there is one writer at a time, and one turn.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::sql::{OpenTransaction, SqlConnection, no_answer, query};
use super::write::{WriteTransaction, turn_of};
use super::{Ledger, LedgerError};

/// Until the end of the transaction: any number that nothing else locks. Asked for again and
/// again: who waits at the server goes on there after the request ended, and holds a connection.
const TAKE_EVIDENCE: &str = "SELECT CASE WHEN pg_try_advisory_xact_lock(3957261948201) \
    THEN 1 ELSE 0 END::bigint";
/// How long it is asked for, and how often.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);
const ASKED_EVERY: Duration = Duration::from_millis(100);
/// Longer than the server takes by then before it breaks off.
const PATIENCE: Duration = Duration::from_secs(65);
/// Nobody but other evidence waits for a statement.
const LONGER: &str = "SELECT set_config('lock_timeout', '60s', true), \
    set_config('statement_timeout', '60s', true), \
    set_config('idle_in_transaction_session_timeout', '30s', true)";
/// As the session has them, which was opened with those of writes.
const AS_OTHERS: &str = "SELECT set_config(name, reset_val, true) FROM pg_settings \
    WHERE name IN ('lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout')";

impl Ledger {
    /// Begins to write evidence. Before anything is noted of it, it settles.
    ///
    /// # Errors
    /// Those of [`Ledger::begin`].
    pub(super) async fn begin_evidence(
        &self,
        at: Option<Timestamp>,
    ) -> Result<WriteTransaction<'_>, LedgerError> {
        if !self.is_shared() {
            return self.begin(at).await;
        }
        let turns = (None, Some(turn_of(&self.evidence_turn).await?));
        self.begun(at, turns, self.open_evidence()).await
    }

    async fn open_evidence(&self) -> Result<OpenTransaction, LedgerError> {
        let mut transaction = OpenTransaction::write(&self.writer).await?;
        query(LONGER).execute(transaction.sql()).await?;
        transaction.sql().wait_for(Some(PATIENCE));
        take_turn(transaction.sql()).await?;
        self.newest_of_this(transaction.sql()).await?;
        Ok(transaction)
    }

    /// Takes the turn among all writes: from here on it is as any other.
    ///
    /// # Errors
    /// [`LedgerError`] where the turn does not come in time, or this is another ledger by now.
    pub(super) async fn settle<'a>(
        &'a self,
        writing: &mut WriteTransaction<'a>,
    ) -> Result<(), LedgerError> {
        if writing.turn.is_none() {
            writing.turn = Some(turn_of(&self.write_turn).await?);
            query(AS_OTHERS).execute(writing.sql()).await?;
            writing.sql().wait_for(None);
            self.newest_to_write_after(writing.sql()).await?;
        }
        Ok(())
    }
}

/// Waits for evidence of other replicas.
async fn take_turn(sql: &mut SqlConnection) -> Result<(), LedgerError> {
    let end = Instant::now() + TAKEN_WITHIN;
    loop {
        let taken: i64 = query(TAKE_EVIDENCE).value(&mut *sql).await?;
        if taken == 1 {
            return Ok(());
        }
        if Instant::now() >= end {
            return Err(no_answer("reports before it take too long").into());
        }
        sleep(ASKED_EVERY).await;
    }
}
