//! The same bytes under sha256 and sha512: recorded before they are served, so
//! that a revocation of either digest holds for both.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

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

/// Why content is not taken, although its bytes are right.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("too many pairs of digests wait for the ledger")]
    TooMany,
    #[error("it is revoked under one of its digests")]
    Revoked,
}

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
                let taken = aliases.take(filled).await;
                taken.map_err(|refused| Arc::new(refused) as crate::cache::Fault)
            })
        })
    }

    async fn take(&self, filled: Filled) -> Result<(), Refused> {
        if self.is_revoked(&filled) {
            // Those who ask again are told so, for which the pair must be known.
            let _ = self.record(&filled).await;
            return Err(Refused::Revoked);
        }
        match self.record(&filled).await {
            Ok(()) => Ok(()),
            Err(_) if self.wait(filled) => Ok(()),
            Err(_) => Err(Refused::TooMany),
        }
    }

    /// In all environments, and nobody broke glass for it: content is shared by
    /// those where it is not.
    fn is_revoked(&self, filled: &Filled) -> bool {
        let index = self.ledger.index();
        let now = Timestamp::now();
        let everywhere = |digest| {
            let revocations = index.revocations(digest);
            revocations.iter().any(|one| one.environment.is_none())
                && !index.lifts_revocation(digest, now)
        };
        everywhere(&filled.sha256) || everywhere(&filled.sha512)
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
