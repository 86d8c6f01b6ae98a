//! All that is known of one subject, gathered for judgement.

use std::collections::HashSet;
use std::sync::Arc;

use super::membership::Membership;
use super::{Ledger, LedgerError};
use crate::metrics::LedgerVerb;
use crate::oci::{Closure, Digest};
use crate::trust::{Evidence, Subject};

impl Ledger {
    /// Reads the evidence on `subject`, whose closure the caller has, together
    /// with the `seq` that a verdict on it rests on: the sequence is read first,
    /// so what is written meanwhile comes after it. What vouches for the subject,
    /// what it refers to and is built on, and what only some policies ask (its age,
    /// the history of its findings), the gate adds.
    pub async fn evidence(
        &self,
        subject: &Subject,
        closure: Arc<Closure>,
    ) -> Result<(Evidence, u64), LedgerError> {
        let _timed = self.timed(LedgerVerb::Evidence);
        if *closure.root() != subject.digest {
            return Err(LedgerError::OtherRoot);
        }
        self.load_once().await?;
        let seq = self.index.seq();
        let tables = self.index.tables();
        let above = tables.members.above(&subject.repository, &subject.digest);
        let related = related(&closure, &tables.members);
        let (break_glass, timed_mode) = tables.leave_of(subject, &above);
        let manifests = closure.images().map(|image| &image.manifest);
        let evidence = Evidence {
            scans: self.scans_of(manifests).await?,
            promotions: self.promotions_of(subject, &above).await?,
            revocations: self.active_revocations(&related).await?,
            first_served: self.first_served(subject).await?,
            break_glass,
            timed_mode,
            related,
            above,
            ..Evidence::none(closure)
        };
        Ok((evidence, seq))
    }
}

/// The digests whose revocation reaches the root: its own, all in its closure, all
/// indexes above it in any repository, each under either algorithm.
fn related(closure: &Closure, members: &Membership) -> HashSet<Digest> {
    let mut related: HashSet<Digest> = closure.digests().cloned().collect();
    for above in members.above_anywhere(closure.root()) {
        related.extend(members.nested(&above));
        related.insert(above);
    }
    let twins: Vec<Digest> = related.iter().filter_map(|it| members.twin(it)).collect();
    related.extend(twins);
    related
}
