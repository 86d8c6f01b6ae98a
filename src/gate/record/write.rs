//! Writes decisions: the audit log is the record, the ledger's table its index.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::audit::Audit;
use crate::ledger::Ledger;
use crate::trust::Decision;

/// Decisions written at once.
const MAX_BATCH: usize = 512;
/// Between tries to write a log that cannot be written.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Takes decisions from the recorder's queue and writes them.
pub struct DecisionWriter {
    decisions: mpsc::Receiver<Decision>,
    audit: Audit,
    ledger: Arc<Ledger>,
}

impl DecisionWriter {
    pub fn new(decisions: mpsc::Receiver<Decision>, audit: Audit, ledger: Arc<Ledger>) -> Self {
        Self {
            decisions,
            audit,
            ledger,
        }
    }

    /// Writes until `stopped`, and then what still waits.
    pub async fn run(mut self, stopped: impl Future<Output = ()>) {
        tokio::pin!(stopped);
        loop {
            // Only waiting is given up when it stops, never a batch in hand.
            let batch = tokio::select! {
                batch = self.next() => batch,
                () = &mut stopped => break,
            };
            self.write(&batch).await;
        }
        self.decisions.close();
        while self.write_once().await {}
    }

    /// Writes the decisions that wait, or the next one to come. `false`: there
    /// will be none.
    pub async fn write_once(&mut self) -> bool {
        let batch = self.next().await;
        self.write(&batch).await;
        !batch.is_empty()
    }

    async fn next(&mut self) -> Vec<Decision> {
        let mut batch = Vec::new();
        self.decisions.recv_many(&mut batch, MAX_BATCH).await;
        batch
    }

    /// The log first, until it is written: no decision is lost, and a full queue
    /// holds denials back meanwhile.
    async fn write(&self, batch: &[Decision]) {
        while let Err(error) = self.audit.write(batch).await {
            tracing::error!(%error, "audit log not written; trying again");
            tokio::time::sleep(RETRY_PAUSE).await;
        }
        if let Err(error) = self.ledger.record_decisions(batch).await {
            tracing::error!(%error, "decisions not indexed; the audit log has them");
        }
    }
}
