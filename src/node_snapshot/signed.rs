//! A snapshot with its signature, and what an agent asks before it takes one.

use jiff::Timestamp;

use super::key::SIGNATURE_BYTES;
use super::{NodeSnapshot, SnapshotDelta, SnapshotError, SnapshotKey, SnapshotPublicKey};

/// A snapshot whose signature was made here, or was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedSnapshot {
    snapshot: NodeSnapshot,
    signature: [u8; SIGNATURE_BYTES],
}

impl SignedSnapshot {
    pub fn sign(snapshot: NodeSnapshot, key: &SnapshotKey) -> Self {
        let signature = key.sign(&snapshot.to_bytes());
        Self {
            snapshot,
            signature,
        }
    }

    pub fn snapshot(&self) -> &NodeSnapshot {
        &self.snapshot
    }

    /// What leads here from the number `from`, when it was said what `old` says.
    pub fn delta_from(&self, from: u64, old: &NodeSnapshot) -> SnapshotDelta {
        SnapshotDelta::between((from, old), &self.snapshot, self.signature)
    }

    /// As it travels and lies on a disk: the signature, then what is signed.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.signature.as_slice(), &self.snapshot.to_bytes()].concat()
    }

    /// Reads what [`Self::to_bytes`] wrote, if one of `keys` signed it. Nothing of it is
    /// parsed before. It may be old: an agent takes from its disk what has expired.
    ///
    /// # Errors
    /// [`SnapshotError`] where it is forged, cut off or unreadable.
    pub fn from_bytes(bytes: &[u8], keys: &[SnapshotPublicKey]) -> Result<Self, SnapshotError> {
        let (signature, signed) = bytes
            .split_first_chunk::<SIGNATURE_BYTES>()
            .ok_or(SnapshotError::Signature)?;
        if !keys.iter().any(|key| key.verifies(signed, signature)) {
            return Err(SnapshotError::Signature);
        }
        Ok(Self {
            snapshot: NodeSnapshot::from_bytes(signed)?,
            signature: *signature,
        })
    }

    /// What `delta` leads to from this one, if one of `keys` signed that.
    ///
    /// # Errors
    /// [`SnapshotError`] where the delta begins elsewhere, is forged or unreadable: then the
    /// whole snapshot is asked for.
    pub fn apply(
        &self,
        delta: &SnapshotDelta,
        keys: &[SnapshotPublicKey],
    ) -> Result<Self, SnapshotError> {
        let (snapshot, signature) = delta.apply(&self.snapshot)?;
        let signed = snapshot.to_bytes();
        if !keys.iter().any(|key| key.verifies(&signed, &signature)) {
            return Err(SnapshotError::Signature);
        }
        Ok(Self {
            snapshot,
            signature,
        })
    }

    /// Whether an agent of `environment` that holds `held` may take this one at `now`.
    ///
    /// # Errors
    /// [`SnapshotError`] says why not: what is held stays.
    pub fn may_follow(
        &self,
        held: Option<&Self>,
        environment: &str,
        now: Timestamp,
    ) -> Result<(), SnapshotError> {
        let terms = self.snapshot.terms();
        if terms.environment != environment {
            return Err(SnapshotError::OtherEnvironment(terms.environment.clone()));
        }
        if self.snapshot.is_expired(now) {
            return Err(SnapshotError::Expired(terms.valid_until));
        }
        let Some(held) = held.map(|held| held.snapshot.terms()) else {
            return Ok(());
        };
        if terms.sequence < held.sequence {
            return Err(SnapshotError::Rollback {
                held: held.sequence,
                offered: terms.sequence,
            });
        }
        let is_earlier = terms.issued_at < held.issued_at;
        match terms.sequence == held.sequence && is_earlier {
            true => Err(SnapshotError::SignedEarlier {
                offered: terms.issued_at,
            }),
            false => Ok(()),
        }
    }
}
