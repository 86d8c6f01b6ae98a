//! What leads from one snapshot to a later one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::bytes::{self, Counts};
use super::key::SIGNATURE_BYTES;
use super::snapshot::Header;
use super::{NodeSnapshot, SnapshotError};
use crate::oci::Digest;

/// What leads from the snapshot of one number to a later one, or to the same signed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotDelta {
    from: u64,
    /// The first line of what it leads to.
    header: Header,
    signature: [u8; SIGNATURE_BYTES],
    /// New, or denied for another reason.
    denied: Vec<(Digest, u8)>,
    no_longer_denied: Vec<Digest>,
    permitted: Vec<Digest>,
    no_longer_permitted: Vec<Digest>,
}

#[derive(Serialize, Deserialize)]
struct DeltaLine {
    from: u64,
    snapshot: Header,
    signature: String,
    denied: Counts,
    no_longer_denied: Counts,
    permitted: Counts,
    no_longer_permitted: Counts,
}

impl SnapshotDelta {
    /// What leads from the number `from`, when it was said what `old` says, to `to`, which
    /// has that signature.
    pub(super) fn between(
        (from, old): (u64, &NodeSnapshot),
        to: &NodeSnapshot,
        signature: [u8; SIGNATURE_BYTES],
    ) -> Self {
        let is_new = |(digest, number): &&(Digest, u8)| old.denied(digest) != to.reason(*number);
        let gone = |digest: &&Digest| to.denied(digest).is_none();
        Self {
            from,
            header: to.header(),
            signature,
            denied: to.denied.iter().filter(is_new).cloned().collect(),
            no_longer_denied: old
                .denied
                .iter()
                .map(|it| &it.0)
                .filter(gone)
                .cloned()
                .collect(),
            permitted: without(&to.permitted, old),
            no_longer_permitted: without(&old.permitted, to),
        }
    }

    /// The number of the snapshot that it begins at.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// The number of the snapshot that it leads to.
    pub fn to(&self) -> u64 {
        self.header.terms.sequence
    }

    /// What it leads to from `held`: not checked yet, as any snapshot that came from
    /// elsewhere.
    ///
    /// # Errors
    /// [`SnapshotError`] where it does not begin at `held`, or does not lead to what it
    /// says.
    pub fn apply(
        &self,
        held: &NodeSnapshot,
    ) -> Result<(NodeSnapshot, [u8; SIGNATURE_BYTES]), SnapshotError> {
        let (held_number, from) = (held.terms.sequence, self.from);
        if held_number != from {
            return Err(SnapshotError::OtherBeginning {
                held: held_number,
                from,
            });
        }
        let snapshot = NodeSnapshot {
            terms: self.header.terms.clone(),
            reasons: self.header.reasons.clone(),
            denied: self.denied_after(held)?,
            permitted: self.permitted_after(held),
        };
        match self.header.counts(&snapshot) {
            true => Ok((snapshot, self.signature)),
            false => Err(ELSEWHERE),
        }
    }

    fn denied_after(&self, held: &NodeSnapshot) -> Result<Vec<(Digest, u8)>, SnapshotError> {
        let reasons = &self.header.reasons;
        let numbers: Vec<Option<u8>> = held
            .reasons
            .iter()
            .map(|name| u8::try_from(reasons.binary_search(name).ok()?).ok())
            .collect();
        let mut denied = self.denied.clone();
        let is_told = |digest: &Digest| {
            self.no_longer_denied.binary_search(digest).is_ok()
                || self.denied.binary_search_by(|it| it.0.cmp(digest)).is_ok()
        };
        for (digest, number) in held.denied.iter().filter(|it| !is_told(&it.0)) {
            let number = numbers.get(usize::from(*number)).copied().flatten();
            denied.push((digest.clone(), number.ok_or(ELSEWHERE)?));
        }
        denied.sort_unstable();
        Ok(denied)
    }

    fn permitted_after(&self, held: &NodeSnapshot) -> Vec<Digest> {
        let stays = |digest: &&Digest| self.no_longer_permitted.binary_search(digest).is_err();
        let kept = held.permitted.iter().filter(stays);
        let mut permitted: Vec<Digest> = kept.chain(&self.permitted).cloned().collect();
        permitted.sort_unstable();
        permitted.dedup();
        permitted
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = bytes::write_line(&DeltaLine {
            from: self.from,
            snapshot: self.header.clone(),
            signature: BASE64.encode(self.signature),
            denied: bytes::counts(self.denied.iter().map(|it| &it.0)),
            no_longer_denied: bytes::counts(self.no_longer_denied.iter()),
            permitted: bytes::counts(self.permitted.iter()),
            no_longer_permitted: bytes::counts(self.no_longer_permitted.iter()),
        });
        bytes::write_reasoned(&mut bytes, &self.denied);
        bytes::write_plain(&mut bytes, &self.no_longer_denied);
        bytes::write_plain(&mut bytes, &self.permitted);
        bytes::write_plain(&mut bytes, &self.no_longer_permitted);
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`SnapshotError::Unreadable`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let (line, mut rest): (DeltaLine, _) = bytes::read_line(bytes)?;
        line.snapshot.check()?;
        let signature = BASE64.decode(&line.signature).ok();
        let signature = signature.and_then(|it| it.try_into().ok());
        let reasons = line.snapshot.reasons.len();
        let delta = Self {
            from: line.from,
            signature: signature.ok_or(SnapshotError::Signature)?,
            denied: rest.reasoned_list(line.denied, reasons)?,
            no_longer_denied: rest.plain_list(line.no_longer_denied)?,
            permitted: rest.plain_list(line.permitted)?,
            no_longer_permitted: rest.plain_list(line.no_longer_permitted)?,
            header: line.snapshot,
        };
        rest.end()?;
        Ok(delta)
    }
}

const ELSEWHERE: SnapshotError =
    SnapshotError::Unreadable("the delta does not lead to the snapshot that it names");

/// What `permitted` has and `other` does not permit.
fn without(permitted: &[Digest], other: &NodeSnapshot) -> Vec<Digest> {
    let missing = permitted.iter().filter(|digest| !other.permits(digest));
    missing.cloned().collect()
}
