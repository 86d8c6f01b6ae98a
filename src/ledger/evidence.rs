//! All that is known of one subject, gathered for judgement.

use std::sync::Arc;

use jiff::Timestamp;

use super::alias::Alias;
use super::{Ledger, LedgerError};
use crate::metrics::LedgerVerb;
use crate::oci::Closure;
use crate::trust::{Evidence, Subject};

impl Ledger {
    /// Reads the evidence on `subject`, whose closure the caller has, together
    /// with the `seq` that a verdict on it rests on: the sequence is read first,
    /// so what is written meanwhile comes after it. What vouches for the subject,
    /// what it refers to and is built on, and what only some policies ask (its age,
    /// the history of its findings), the gate adds. `aliases`: digests of the same
    /// bytes that the caller knows of the closure, and the ledger need not. At `now`, by
    /// which scans are told that are dated ahead.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn evidence(
        &self,
        subject: &Subject,
        closure: Arc<Closure>,
        aliases: &[Alias],
        now: Timestamp,
    ) -> Result<(Evidence, u64), LedgerError> {
        let _timed = self.timed(LedgerVerb::Evidence);
        if *closure.root() != subject.digest {
            return Err(LedgerError::OtherRoot);
        }
        if !self.index.is_complete() {
            let (repository, root) = (&subject.repository, &subject.digest);
            self.recall(repository, root, Some(&closure), aliases)
                .await?;
        }
        self.newest_of_this(&mut self.readers.acquire().await?)
            .await?;
        let seq = self.index.seq();
        let tables = self.index.tables();
        let parents = tables.indexes_lending_to(&subject.repository, &subject.digest);
        let related = tables.members.related(&closure, aliases);
        let (break_glass, timed_mode) = tables.overrides_of(subject, &parents);
        let manifests = closure.images().map(|image| &image.manifest);
        let evidence = Evidence {
            scans: self.scans_of(manifests, now).await?,
            promotions: self.promotions_of(subject, &parents).await?,
            revocations: self.active_revocations(&related).await?,
            first_served: self.first_served(subject).await?,
            break_glass,
            timed_mode,
            related,
            parents,
            ..Evidence::none(closure)
        };
        Ok((evidence, seq))
    }
}
