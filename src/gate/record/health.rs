//! Whether decisions get to where they are written, for probes and the status.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::metrics::{Metrics, RecordStore, RecordStoreLabels};
use crate::storage_fault::StorageFault;

/// How one store of decisions does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordStoreState {
    /// Why its last write failed; `None` when it did not.
    pub fault: Option<StorageFault>,
    /// Decisions that wait for it.
    pub waiting: usize,
}

/// The states of both stores. Cloning shares them.
#[derive(Clone)]
pub struct RecordHealth {
    log: Arc<StoreHealth>,
    /// Why acts are not in the log.
    acts: Arc<StoreHealth>,
    /// That the log neither takes nor refuses what is written to it.
    hang: Arc<StoreHealth>,
    index: Arc<StoreHealth>,
    metrics: Metrics,
}

#[derive(Default)]
struct StoreHealth {
    fault: Mutex<Option<StorageFault>>,
    /// Whether there is a fault, for the hot path.
    fails: AtomicBool,
    waiting: AtomicUsize,
}

impl RecordHealth {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self {
            log: Arc::default(),
            acts: Arc::default(),
            hang: Arc::default(),
            index: Arc::default(),
            metrics,
        }
    }

    /// Of the audit log.
    pub fn log(&self) -> RecordStoreState {
        let decisions = self.decisions();
        let others = || self.hang.state().fault.or_else(|| self.acts.state().fault);
        RecordStoreState {
            fault: decisions.fault.or_else(others),
            ..decisions
        }
    }

    /// Of the audit log, as decisions found it.
    pub(super) fn decisions(&self) -> RecordStoreState {
        self.log.state()
    }

    /// The audit log, as acts found it.
    pub fn see_acts(&self, fault: Option<StorageFault>) {
        self.acts.see(fault);
    }

    /// Whether the audit log hangs at this moment.
    pub fn see_hang(&self, hangs: bool) {
        self.hang.see(hangs.then_some(StorageFault::Hangs));
    }

    /// Whether it hung when that was looked at.
    pub fn hangs(&self) -> bool {
        self.hang.fails.load(Ordering::Relaxed)
    }

    /// Whether the audit log cannot be written, for decisions or for acts.
    pub(super) fn log_fails(&self) -> bool {
        let mut all = [&self.log, &self.acts, &self.hang].into_iter();
        all.any(|it| it.fails.load(Ordering::Relaxed))
    }

    /// Of the ledger's index of decisions.
    pub fn index(&self) -> RecordStoreState {
        self.index.state()
    }

    pub(super) fn see(&self, store: RecordStore, fault: Option<StorageFault>, waiting: usize) {
        let health = match store {
            RecordStore::Audit => &self.log,
            RecordStore::Ledger => &self.index,
        };
        let labels = RecordStoreLabels { store };
        let signed = i64::try_from(waiting).unwrap_or(i64::MAX);
        let gauge = self.metrics.decisions_waiting.get_or_create(&labels);
        gauge.set(signed);
        health.waiting.store(waiting, Ordering::Relaxed);
        health.see(fault);
    }
}

impl StoreHealth {
    fn see(&self, fault: Option<StorageFault>) {
        self.fails.store(fault.is_some(), Ordering::Relaxed);
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    fn state(&self) -> RecordStoreState {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        RecordStoreState {
            fault: fault.clone(),
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }
}
