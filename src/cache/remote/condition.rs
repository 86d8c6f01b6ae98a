//! How the remote tier does, for people and for probes.

use super::error::RemoteError;
use crate::metrics::RemoteUse;

/// The state of the remote tier, from memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteCondition {
    /// Its address, without secrets.
    pub url: String,
    /// Uploads and marks that wait.
    pub waiting: usize,
    /// How long the first of them has waited, in seconds.
    pub lag_s: i64,
    /// What fails now, and why.
    pub faults: Vec<(RemoteUse, RemoteError)>,
}

impl RemoteCondition {
    /// Whether it is left alone for this use.
    pub fn fails(&self, operation: RemoteUse) -> bool {
        self.faults.iter().any(|(fault, _)| *fault == operation)
    }

    /// In words; `None`: all is well.
    pub fn problem(&self) -> Option<String> {
        let told = self.faults.iter().map(|(fault, error)| match fault {
            RemoteUse::Read => format!("is not read: {error}"),
            RemoteUse::Write => format!("is not written: {error}; {} wait", self.waiting),
        });
        let told: Vec<String> = told.collect();
        (!told.is_empty()).then(|| told.join("; "))
    }
}
