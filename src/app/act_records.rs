//! Acts on their way: those of the program itself to the ledger, and all of them to the
//! audit log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::audit::Audit;
use crate::gate::{ActLog, ActsNotLogged};
use crate::ledger::{ActOrigin, Ledger, NewAct};

/// Acts of the program that wait for the ledger, at most; the oldest give way.
const MAX_WAITING: usize = 1000;

/// What the program did by itself waits here: it is done whether the ledger can be written
/// or not.
pub(super) struct ActRecords {
    waiting: Mutex<VecDeque<NewAct>>,
    ledger: Arc<Ledger>,
    log: ActLog,
}

impl ActRecords {
    pub(super) fn new(audit: Audit, ledger: Arc<Ledger>) -> Self {
        Self {
            waiting: Mutex::default(),
            ledger: ledger.clone(),
            log: ActLog::new(audit, ledger),
        }
    }

    /// The program did something.
    pub(super) fn note(&self, act: NewAct) {
        let mut waiting = self.waiting();
        if waiting.len() == MAX_WAITING {
            waiting.pop_front();
        }
        waiting.push_back(act);
    }

    /// Writes what waits to the ledger; and what the log lacks to the log, where `logs`: of
    /// several replicas one copies all acts to its log.
    ///
    /// # Errors
    /// One of them cannot be written; the next call goes on from there.
    pub(super) async fn write_once(&self, logs: bool) -> Result<(), ActsNotLogged> {
        loop {
            let next = self.waiting().front().cloned();
            let Some(act) = next else {
                return self.log_if(logs).await;
            };
            let recorded = self.ledger.record_act(act, ActOrigin::default()).await;
            if let Err(error) = recorded {
                self.log_if(logs).await?;
                return Err(error.into());
            }
            self.waiting().pop_front();
        }
    }

    async fn log_if(&self, logs: bool) -> Result<(), ActsNotLogged> {
        match logs {
            true => self.log.write_once().await,
            false => Ok(()),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<NewAct>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
