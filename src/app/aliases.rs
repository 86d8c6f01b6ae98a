//! The same bytes under sha256 and sha512: recorded before they are served, so
//! that a revocation of either digest holds for both.

use std::sync::{Arc, Mutex, PoisonError};

use crate::cache::{Filled, OnFilled};
use crate::ledger::{Ledger, LedgerError};

/// Pairs that wait to be recorded, at most; beyond, fills fail.
const WAITING: usize = 100_000;

/// Records pairs of digests; what the ledger cannot take now is kept and tried
/// again, since platform images are served without it.
#[derive(Clone)]
pub(super) struct Aliases {
    ledger: Arc<Ledger>,
    waiting: Arc<Mutex<Vec<Filled>>>,
}

#[derive(Debug, thiserror::Error)]
#[error("too many pairs of digests wait for the ledger")]
struct TooMany;

impl Aliases {
    pub(super) fn new(ledger: Arc<Ledger>) -> Self {
        Self {
            ledger,
            waiting: Arc::default(),
        }
    }

    /// What the cache calls when content is complete and verified.
    pub(super) fn recorder(&self) -> OnFilled {
        let aliases = self.clone();
        Arc::new(move |filled| {
            let aliases = aliases.clone();
            Box::pin(async move {
                match aliases.record(&filled).await {
                    Ok(()) => Ok(()),
                    Err(_) if aliases.wait(filled) => Ok(()),
                    Err(_) => Err(Arc::new(TooMany) as crate::cache::Fault),
                }
            })
        })
    }

    async fn record(&self, filled: &Filled) -> Result<(), LedgerError> {
        self.ledger
            .record_alias(&filled.sha256, &filled.sha512)
            .await
            .inspect_err(|error| tracing::error!(%error, "digests not recorded; trying again"))
    }

    fn wait(&self, filled: Filled) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let room = waiting.len() < WAITING;
        if room {
            waiting.push(filled);
        }
        room
    }

    /// Tries again what waits.
    pub(super) async fn retry_once(&self) {
        let waiting = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *waiting)
        };
        for filled in waiting {
            if self.record(&filled).await.is_err() {
                self.wait(filled);
            }
        }
    }
}
