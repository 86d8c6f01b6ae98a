//! Copies acts from the ledger, where they are written with what they tell of, to the
//! audit log.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::audit::{AUDIT_SCHEMA, Audit, AuditError, AuditRecord};
use crate::ledger::{Ledger, LedgerError, RecordedAct};
use crate::storage_fault::StorageFault;

/// Acts written at once.
const MAX_BATCH: u32 = 256;

/// Why acts are not in the log yet.
#[derive(Debug, thiserror::Error)]
pub enum ActsNotLogged {
    #[error(transparent)]
    Log(#[from] AuditError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl ActsNotLogged {
    /// What keeps the log from being written; `None` where it is the ledger that failed.
    pub fn log_fault(&self) -> Option<StorageFault> {
        match self {
            Self::Log(error) => Some(error.fault()),
            Self::Ledger(_) => None,
        }
    }
}

/// Appends acts to the log, each once while the program runs; after a crash the last may
/// stand there twice.
pub struct ActLog {
    audit: Audit,
    ledger: Arc<Ledger>,
    /// The newest act in the log.
    logged: AtomicI64,
    /// The change up to which the log has all acts; every act is of a change.
    seen: AtomicU64,
}

impl ActLog {
    pub fn new(audit: Audit, ledger: Arc<Ledger>) -> Self {
        Self {
            audit,
            ledger,
            logged: AtomicI64::new(0),
            seen: AtomicU64::new(u64::MAX),
        }
    }

    /// Writes the acts that the log lacks. From memory alone where there are none.
    ///
    /// # Errors
    /// The log cannot be written, or the ledger read or written; the next call goes on
    /// from there.
    pub async fn write_once(&self) -> Result<(), ActsNotLogged> {
        let newest = self.ledger.index().seq();
        if self.seen.load(Ordering::Relaxed) == newest {
            return Ok(());
        }
        while self.write_batch().await? {}
        self.seen.store(newest, Ordering::Relaxed);
        Ok(())
    }

    /// Whether there may be more.
    async fn write_batch(&self) -> Result<bool, ActsNotLogged> {
        let acts = self.ledger.acts_to_log(MAX_BATCH).await?;
        let Some(last) = acts.last() else {
            return Ok(false);
        };
        let logged = self.logged.load(Ordering::Relaxed);
        let new = acts.iter().filter(|act| act.number > logged);
        let lines: Vec<AuditRecord<'_>> = new.map(line).collect();
        self.audit.write_durably(&lines).await?;
        self.logged.fetch_max(last.number, Ordering::Relaxed);
        self.ledger.acts_logged(last.number).await?;
        Ok(true)
    }
}

fn line(recorded: &RecordedAct) -> AuditRecord<'_> {
    AuditRecord::Act {
        schema: AUDIT_SCHEMA,
        act: &recorded.act,
        ledger: &recorded.mark,
    }
}
