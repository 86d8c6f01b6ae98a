//! Writes decisions: the audit log is the record, the ledger's table its index.
//!
//! Each of the two is written whatever the other does, and what cannot be written waits.
//! For the log without a loss: while too much waits for it, nothing more is taken from
//! the queue, which fills, and holds denials back. For the index the oldest gives way:
//! the log has it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::backlog::Backlog;
use super::feed::DecisionFeed;
use super::health::RecordHealth;
use super::index_quota::IndexQuota;
use crate::audit::{AUDIT_SCHEMA, Audit, AuditError, AuditRecord};
use crate::ledger::Ledger;
use crate::metrics::{Metrics, RecordStore};
use crate::trust::Decision;

/// Decisions taken from the queue at once.
const MAX_TAKEN: usize = 512;
/// A log that takes longer for a batch holds up nothing but itself.
const SLOW_LOG: Duration = Duration::from_secs(1);
/// At the end, a store that fails is given this long to come back.
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// Takes decisions from the recorder's queue and writes them.
pub struct DecisionWriter {
    decisions: mpsc::Receiver<Decision>,
    audit: Audit,
    ledger: Arc<Ledger>,
    log: Backlog,
    index: Backlog,
    quota: IndexQuota,
    /// Told of what is written.
    feed: Arc<DecisionFeed>,
    /// Those that the index leaves out, until the log has them.
    unindexed: Vec<Arc<Decision>>,
    health: RecordHealth,
    metrics: Metrics,
}

impl DecisionWriter {
    pub fn new(
        decisions: mpsc::Receiver<Decision>,
        audit: Audit,
        ledger: Arc<Ledger>,
        metrics: Metrics,
    ) -> Self {
        let feed = DecisionFeed::new(ledger.clone(), metrics.clone());
        Self {
            decisions,
            audit,
            ledger,
            log: Backlog::default(),
            index: Backlog::default(),
            quota: IndexQuota::default(),
            feed: Arc::new(feed),
            unindexed: Vec::new(),
            health: RecordHealth::new(metrics.clone()),
            metrics,
        }
    }

    /// How both stores do, from now on.
    pub fn health(&self) -> RecordHealth {
        self.health.clone()
    }

    /// Tells what is written, from now on.
    pub fn feed(&self) -> Arc<DecisionFeed> {
        self.feed.clone()
    }

    /// Writes until `stopped`, and then what still waits, once more: what cannot be
    /// written then is named in the program's log, and given up.
    pub async fn run(mut self, stopped: impl Future<Output = ()>) {
        tokio::pin!(stopped);
        loop {
            // Only waiting is given up when it stops, never a batch in hand.
            tokio::select! {
                () = self.wait() => self.write_waiting().await,
                () = &mut stopped => break,
            }
        }
        self.decisions.close();
        while self.take().await {}
        self.write_last().await;
    }

    /// Until there is something to do: a decision came, or a store is tried again.
    async fn wait(&mut self) {
        let retry = [&self.log, &self.index];
        let retry = retry.iter().filter_map(|store| store.retry_at()).min();
        let has_room = self.log.has_room();
        tokio::select! {
            _ = self.take(), if has_room => {}
            () = until(retry) => {}
        }
    }

    async fn take(&mut self) -> bool {
        let mut taken = Vec::new();
        self.decisions.recv_many(&mut taken, MAX_TAKEN).await;
        let taken: Vec<Arc<Decision>> = taken.into_iter().map(Arc::new).collect();
        self.log.add(&taken);
        self.index_some(&taken);
        !taken.is_empty()
    }

    fn index_some(&mut self, taken: &[Arc<Decision>]) {
        let quota = &mut self.quota;
        let (indexed, left_out): (Vec<_>, Vec<_>) = taken
            .iter()
            .cloned()
            .partition(|it| quota.admit(it, it.time));
        let count = left_out.len() as u64;
        self.metrics.decisions_unindexed.inc_by(count);
        self.unindexed.extend(left_out);
        self.index.add(&indexed);
    }

    async fn write_waiting(&mut self) {
        self.write_log().await;
        self.pass_unindexed_on();
        self.write_index().await;
    }

    /// Once the log has them all.
    fn pass_unindexed_on(&mut self) {
        if self.log.is_empty() {
            for decision in self.unindexed.drain(..) {
                self.feed.pass_on(&decision);
            }
        }
    }

    async fn write_log(&mut self) {
        let mut fault = self.health.decisions().fault;
        loop {
            let batch = self.log.batch();
            if batch.is_empty() {
                break;
            }
            match self.write_batch(&batch).await {
                Ok(()) => fault = None,
                Err(AuditError::Record(error)) => {
                    tracing::error!(%error, "decisions are no JSON, and were not logged");
                }
                Err(error) => {
                    tracing::error!(%error, "audit log not written; trying again");
                    fault = Some(error.fault());
                    self.log.rest();
                    break;
                }
            }
            self.log.forget(batch.len());
        }
        self.health.see(RecordStore::Audit, fault, self.log.len());
    }

    /// Writes to the log. While it hangs, what comes is written to the index.
    async fn write_batch(&mut self, batch: &[Arc<Decision>]) -> Result<(), AuditError> {
        let (audit, mark) = (self.audit.clone(), self.ledger.mark());
        let line = |decision| AuditRecord::Decision {
            schema: AUDIT_SCHEMA,
            decision,
            ledger: &mark,
        };
        let lines: Vec<AuditRecord<'_>> = batch.iter().map(|it| line(it.as_ref())).collect();
        let mut writing = pin!(audit.write(&lines));
        loop {
            tokio::select! {
                written = &mut writing => return written,
                () = tokio::time::sleep(SLOW_LOG) => self.go_on_beside_log().await,
            }
        }
    }

    /// Takes what waits, as far as there is room, and writes it to the index.
    async fn go_on_beside_log(&mut self) {
        while self.log.has_room() && self.take().now_or_never() == Some(true) {}
        let fault = self.health.decisions().fault;
        self.health.see(RecordStore::Audit, fault, self.log.len());
        self.write_index().await;
    }

    async fn write_index(&mut self) {
        let mut fault = self.health.index().fault;
        loop {
            let batch = self.index.batch();
            if batch.is_empty() {
                break;
            }
            match self.ledger.record_decisions(&batch).await {
                Ok(()) => {
                    fault = None;
                    self.feed.note_written();
                }
                Err(error) => match error.fault() {
                    Some(failed) => {
                        tracing::error!(%error, "decisions not indexed; trying again");
                        fault = Some(failed);
                        self.index.rest();
                        break;
                    }
                    None => tracing::error!(%error, "decisions not indexed; the log has them"),
                },
            }
            self.index.forget(batch.len());
        }
        let shed = self.index.shed();
        self.metrics.decisions_unindexed.inc_by(shed as u64);
        let waiting = self.index.len();
        self.health.see(RecordStore::Ledger, fault, waiting);
    }

    async fn write_last(&mut self) {
        self.write_waiting().await;
        if !self.log.is_empty() || !self.index.is_empty() {
            tokio::time::sleep(LAST_PAUSE).await;
            self.log.wake();
            self.index.wake();
            self.write_waiting().await;
        }
    }
}

/// Also where it is given up with a batch in hand, at a store that hangs.
impl Drop for DecisionWriter {
    fn drop(&mut self) {
        let queued = self.decisions.len();
        for (store, backlog) in [("audit log", &self.log), ("ledger", &self.index)] {
            let lost = backlog.len() + queued;
            if lost > 0 {
                tracing::error!(store, decisions.lost = lost, "decisions were not written");
            }
        }
    }
}

/// Never, where there is no such moment.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
