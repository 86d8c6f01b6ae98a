//! Digests and packages that an advisory blocks (rule 5): at once, with no grace,
//! also what was promoted long ago.

use super::judgement::Judgement;
use super::{Advisory, DenialReason, Effect};
use crate::oci::Digest;

impl<'a> Judgement<'a> {
    /// A blocked digest denies all below it, and an index that deploys it, as a
    /// revocation does.
    pub(super) fn judge_advisories_on_digests(&mut self) {
        let hits: Vec<&'a Advisory> = self
            .rulebook
            .vulnerability_policy
            .digest_advisories(self.now)
            .filter(|it| it.effect == Effect::Block)
            .collect();
        for advisory in hits {
            let mut named = advisory.digests.iter().filter(|it| self.is_related(it));
            let Some(digest) = named.find(|digest| self.concerns(digest)) else {
                continue;
            };
            if let Some(end) = advisory.expires {
                self.expires(end);
            }
            self.deny_by_advisory(advisory, &digest.short());
        }
    }

    fn is_related(&self, named: &Digest) -> bool {
        let evidence = self.evidence;
        let mut own = evidence.closure.digests().chain(&evidence.parents);
        evidence.related.contains(named) || own.any(|digest| digest == named)
    }

    pub(super) fn deny_by_advisory(&mut self, by: &Advisory, what: &str) {
        self.rests_on(format!("advisory:{}", by.id));
        self.deny(
            DenialReason::BlockedByAdvisory,
            format!("{}: {what}: {}", by.id, by.reason),
            format!("read {}", by.link),
        );
    }
}
