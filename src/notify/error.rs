//! Why notifications are not gathered, or not sent.

use crate::ledger::LedgerError;

/// Why a target cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    #[error("notify {0}: the CA file holds no certificate")]
    Ca(String),
    #[error("notify {name}: no HTTP client: {why}")]
    Client { name: String, why: String },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Why a message did not get to its target. Never with its address, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    #[error("it answered {0}")]
    Refused(u16),
    #[error("it answered {status}, and asks to be left alone for {seconds} s")]
    Busy { status: u16, seconds: u64 },
    #[error("it redirects ({0}), which is not followed")]
    Redirected(u16),
    #[error("its name lies at an address that is not asked: list that in `addresses`")]
    Guarded,
    #[error("no answer in time")]
    TimedOut,
    #[error("it cannot be connected to")]
    Unreachable,
    #[error("the connection broke off")]
    BrokenOff,
}
