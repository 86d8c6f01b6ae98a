//! Revocations (rule 6): for the digest, everything below it, and an index that deploys
//! it.

use super::judgement::Judgement;
use super::{CheckOutcome, DenialReason, Revocation};
use crate::oci::{Child, Digest};

impl Judgement<'_> {
    pub(super) fn judge_revocations(&mut self) {
        let evidence = self.evidence;
        let hits = evidence.revocations.iter().filter(|it| self.hit_by(it));
        let Some(revocation) = hits.min_by_key(|it| (it.revoked_at, it.id, &it.digest)) else {
            return self.check("revocation", CheckOutcome::Met, "not revoked");
        };
        self.rests_on(format!("revocation:{}", revocation.id));
        // Of an image that is denied for its index or a layer, that is what was revoked.
        let what = match revocation.digest == self.subject.digest {
            true => "it".to_owned(),
            false => format!("{}, which was revoked", revocation.digest),
        };
        self.deny(
            DenialReason::Revoked,
            revocation.reason.clone(),
            format!("use another version; an on-call person can reinstate {what}"),
        );
    }

    /// The ledger found that it concerns the subject. A narrowed one concerns its
    /// environment and repositories alone, and a child that is not deployed does not
    /// deny its index.
    fn hit_by(&self, revocation: &Revocation) -> bool {
        let subject = self.subject;
        revocation.reaches(&subject.environment, &subject.repository)
            && self.concerns(&revocation.digest)
    }

    /// Whether what is wrong with a related digest is wrong with the subject:
    /// unless it lies only in children that are not deployed.
    pub(super) fn concerns(&self, digest: &Digest) -> bool {
        let children = self.evidence.closure.children();
        let mut holders = children
            .iter()
            .filter(|child| holds(child, digest))
            .peekable();
        holders.peek().is_none() || holders.any(|child| self.deploys(child))
    }
}

fn holds(child: &Child, digest: &Digest) -> bool {
    let mut blobs = child.image().into_iter().flat_map(|image| image.blobs());
    child.descriptor.digest == *digest || blobs.any(|blob| blob.digest == *digest)
}
