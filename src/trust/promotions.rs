//! Promotion (rule 8), and vouching upstreams (rule 9).

use super::judgement::Judgement;
use super::{CheckOutcome, DenialReason, Promotion, Requirement};

impl Judgement<'_> {
    /// A promotion counts in its environment and repository, for its digest and
    /// for the children of a promoted index; one that is dated ahead of now, once
    /// its time has come.
    pub(super) fn judge_promotion(&mut self) {
        if !self.settings.requires(Requirement::Promotion) {
            return;
        }
        let promotions = self.evidence.promotions.iter();
        let (counting, ahead): (Vec<&Promotion>, Vec<&Promotion>) = promotions
            .filter(|promotion| promotion.counts_for(self.subject, &self.evidence.parents))
            .partition(|promotion| promotion.promoted_at <= self.now);
        for promotion in ahead {
            self.expires(promotion.promoted_at);
        }
        let newest = |promotion: &&Promotion| (promotion.promoted_at, promotion.id);
        match counting.into_iter().max_by_key(newest) {
            Some(promotion) => self.promoted(promotion),
            None if self.vouches_for(Requirement::Promotion) => {}
            None => self.not_promoted(),
        }
    }

    fn promoted(&mut self, promotion: &Promotion) {
        if promotion.is_hypothetical() {
            return self.check("promotion", CheckOutcome::Met, "as if it were promoted");
        }
        self.rests_on(format!("promotion:{}", promotion.id));
        let (promoter, at) = (&promotion.promoter, promotion.promoted_at);
        let text = format!("promoted by {promoter} at {at}");
        self.check("promotion", CheckOutcome::Met, text);
    }

    fn not_promoted(&mut self) {
        let environment = &self.subject.environment;
        let (repository, digest) = (&self.subject.repository, &self.subject.digest);
        let detail = format!("not promoted to {environment}");
        let next = format!(
            "ask a promoter to run: sekisho promote {repository}@{digest} --to {environment}"
        );
        self.deny(DenialReason::NotPromoted, detail, next);
    }

    /// Whether the upstream vouches for missing evidence: until the configured end, and
    /// as long as it was recently seen to have the image.
    pub(super) fn vouches_for(&mut self, requirement: Requirement) -> bool {
        let (subject, host) = (self.subject, self.subject.repository.host());
        let word = self
            .rulebook
            .vouched_until(host, &subject.environment, requirement);
        let Some(word) = word.filter(|until| self.now < *until) else {
            return false;
        };
        self.expires(word);
        if self.consult(&self.evidence.held_upstream) != Some(&true) {
            return false;
        }
        let text = format!("vouched for by {host}");
        self.check(requirement.as_str(), CheckOutcome::Met, text);
        true
    }
}
