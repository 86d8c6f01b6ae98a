//! The same bytes under sha256 and sha512: recorded before they are served, so
//! that what is said against either digest holds for both.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use jiff::Timestamp;

use crate::cache::{DigestRecords, OnVerified, VerifiedContent};
use crate::gate::Gate;
use crate::ledger::{Alias, Ledger, LedgerError};
use crate::oci::Digest;
use crate::trust::Revocation;

/// Pairs that wait to be recorded, at most; beyond, fills fail.
const MAX_WAITING_ALIASES: usize = 100_000;

/// Records pairs of digests. A pair that the ledger cannot store now is retried, since
/// platform images are served without the ledger.
#[derive(Clone)]
pub(super) struct Aliases {
    ledger: Arc<Ledger>,
    waiting: Arc<Mutex<Vec<Alias>>>,
    /// Whose policy says what is blocked; set once there is a gate.
    gate: Arc<OnceLock<Weak<Gate>>>,
}

/// Why verified content is refused all the same.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("too many pairs of digests wait for the ledger")]
    TooMany,
    #[error("it is revoked under one of its digests")]
    Revoked,
    #[error("something is said against its other digest, for which it was not judged")]
    Unjudged,
}

impl Aliases {
    pub(super) fn new(ledger: Arc<Ledger>) -> Self {
        Self {
            ledger,
            waiting: Arc::default(),
            gate: Arc::default(),
        }
    }

    /// Asks this gate's policy from now on.
    pub(super) fn follow(&self, gate: &Arc<Gate>) {
        // Set once, at the start.
        let _ = self.gate.set(Arc::downgrade(gate));
    }

    /// What the cache asks, and tells of verified content.
    pub(super) fn records(&self) -> DigestRecords {
        let aliases = self.clone();
        DigestRecords {
            on_verified: self.recorder(),
            lacks_other: Arc::new(move |digest| aliases.lacks_other(digest)),
        }
    }

    /// Whether something is said of SHA-512 digests, by a record or by the policy, and the
    /// counterpart of this digest is not known.
    fn lacks_other(&self, digest: &Digest) -> bool {
        self.is_sha512_spoken_of() && self.ledger.index().alias(digest).is_none()
    }

    pub(super) fn is_sha512_spoken_of(&self) -> bool {
        self.ledger.index().speaks_of_sha512()
            || self
                .gate()
                .is_some_and(|gate| gate.rulebook().speaks_of_sha512())
    }

    fn gate(&self) -> Option<Arc<Gate>> {
        self.gate.get().and_then(Weak::upgrade)
    }

    /// Called when content is complete and verified.
    fn recorder(&self) -> OnVerified {
        let aliases = self.clone();
        Arc::new(move |filled, now| {
            let aliases = aliases.clone();
            Box::pin(async move {
                let taken = aliases.take(filled, now).await;
                taken.map_err(|refused| Arc::new(refused) as crate::cache::SharedError)
            })
        })
    }

    async fn take(&self, filled: VerifiedContent, now: Timestamp) -> Result<(), Refused> {
        let Some(alias) = alias_of(&filled) else {
            return match self.is_revoked(&filled, now) {
                true => Err(Refused::Revoked),
                false => Ok(()),
            };
        };
        if let Some(refused) = self.refused(&filled, &alias, now) {
            // Those who ask again are judged by both, for which the pair must be known.
            let _ = self.record(&alias).await;
            return Err(refused);
        }
        match self.record(&alias).await {
            Ok(()) => Ok(()),
            Err(_) if self.wait(alias) => Ok(()),
            Err(_) => Err(Refused::TooMany),
        }
    }

    /// A request is judged by the digest that it names. Where the alias was not known,
    /// and evidence speaks against it, the content is refused and the client asks again.
    fn refused(&self, filled: &VerifiedContent, alias: &Alias, now: Timestamp) -> Option<Refused> {
        if self.is_revoked(filled, now) {
            return Some(Refused::Revoked);
        }
        let index = self.ledger.index();
        let is_new = !index.knows_alias(alias);
        let said = |other| index.is_revoked(other) || self.is_blocked(other, now);
        (is_new && filled.other().is_some_and(said)).then_some(Refused::Unjudged)
    }

    fn is_blocked(&self, digest: &Digest, now: Timestamp) -> bool {
        self.gate()
            .is_some_and(|gate| gate.rulebook().blocks(digest, now))
    }

    /// Everywhere, and nobody broke glass for it: content is shared by
    /// those where it is not.
    fn is_revoked(&self, filled: &VerifiedContent, now: Timestamp) -> bool {
        let index = self.ledger.index();
        let everywhere = |digest: &Digest| {
            let revocations = index.revoked_as(digest);
            revocations.iter().any(Revocation::is_everywhere)
                && !index.lifts_revocation(digest, now)
        };
        everywhere(&filled.sha256) || filled.sha512.as_ref().is_some_and(everywhere)
    }

    async fn record(&self, alias: &Alias) -> Result<(), LedgerError> {
        self.ledger
            .record_aliases(std::slice::from_ref(alias))
            .await
            .inspect_err(|error| tracing::error!(%error, "digests not recorded; trying again"))
    }

    fn wait(&self, alias: Alias) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let room = waiting.len() < MAX_WAITING_ALIASES;
        if room {
            waiting.push(alias);
        }
        room
    }

    /// Retries the pairs that wait.
    pub(super) async fn retry_once(&self) {
        let waiting = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *waiting)
        };
        for alias in waiting {
            if self.record(&alias).await.is_err() {
                self.wait(alias);
            }
        }
    }
}

/// The pair, where both are known.
fn alias_of(filled: &VerifiedContent) -> Option<Alias> {
    Some(Alias {
        sha256: filled.sha256.clone(),
        sha512: filled.sha512.clone()?,
    })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::ledger::{LedgerAccess, LedgerOptions, NewBreakGlass, NewRevocation};
    use crate::oci::Algorithm;

    fn filled(content: &[u8]) -> VerifiedContent {
        VerifiedContent {
            sha256: Digest::sha256(content),
            sha512: Some(Digest::sha512(content)),
            size: content.len() as u64,
            asked: Algorithm::Sha256,
        }
    }

    async fn revoke(ledger: &Ledger, digest: Digest, now: Timestamp) {
        let revocation = NewRevocation {
            digest,
            environment: None,
            repositories: crate::oci::RepositoryGlobs::none(),
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
            image: None,
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
        let config = LedgerOptions::at(folder.path().join("ledger.db"));
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let hour = SignedDuration::from_hours(1);
        let ledger = Ledger::open(config, LedgerAccess::Serve, now)
            .await
            .unwrap();
        let aliases = Aliases::new(Arc::new(ledger));
        let (ledger, layer) = (&aliases.ledger, filled(b"layer"));
        let sha512 = layer.sha512.clone().unwrap();
        revoke(ledger, sha512.clone(), now).await;
        assert!(aliases.take(layer.clone(), now).await.is_err());
        for digest in [&layer.sha256, &sha512] {
            break_glass(ledger, digest.clone(), now, now + hour).await;
        }
        assert!(aliases.take(layer.clone(), now).await.is_ok());
        assert!(aliases.take(layer, now + 2 * hour).await.is_err());
    }
}
