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
        Arc::new(move |filled, now| {
            let aliases = aliases.clone();
            Box::pin(async move {
                let taken = aliases.take(filled, now).await;
                taken.map_err(|refused| Arc::new(refused) as crate::cache::Fault)
            })
        })
    }

    async fn take(&self, filled: Filled, now: Timestamp) -> Result<(), Refused> {
        if self.is_revoked(&filled, now) {
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
    fn is_revoked(&self, filled: &Filled, now: Timestamp) -> bool {
        let index = self.ledger.index();
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

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::ledger::{Access, Config, NewBreakGlass, NewRevocation};
    use crate::oci::Digest;

    fn filled(content: &[u8]) -> Filled {
        Filled {
            sha256: Digest::sha256(content),
            sha512: Digest::sha512(content),
            size: content.len() as u64,
        }
    }

    async fn revoke(ledger: &Ledger, digest: Digest, now: Timestamp) {
        let revocation = NewRevocation {
            digest,
            environment: None,
            revoker: "security".to_owned(),
            revoked_at: now,
            reason: "backdoor".to_owned(),
        };
        ledger.revoke(revocation).await.unwrap();
    }

    async fn break_glass(ledger: &Ledger, digest: Digest, now: Timestamp, until: Timestamp) {
        let grant = NewBreakGlass {
            environment: "production".parse().unwrap(),
            digest,
            ticket: "INC-1".to_owned(),
            reason: "forensics".to_owned(),
            granted_by: "on-call".to_owned(),
            granted_at: now,
            until,
            lifts_revocation: true,
        };
        ledger.grant_break_glass(grant).await.unwrap();
    }

    #[tokio::test]
    async fn takes_what_is_revoked_only_while_glass_is_broken() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::at(folder.path().join("ledger.db"));
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let hour = SignedDuration::from_hours(1);
        let ledger = Ledger::open(config, Access::Serve, now).await.unwrap();
        let aliases = Aliases::new(Arc::new(ledger));
        let (ledger, layer) = (&aliases.ledger, filled(b"layer"));
        revoke(ledger, layer.sha512.clone(), now).await;
        assert!(aliases.take(layer.clone(), now).await.is_err());
        for digest in [&layer.sha256, &layer.sha512] {
            break_glass(ledger, digest.clone(), now, now + hour).await;
        }
        assert!(aliases.take(layer.clone(), now).await.is_ok());
        assert!(aliases.take(layer, now + 2 * hour).await.is_err());
    }
}
