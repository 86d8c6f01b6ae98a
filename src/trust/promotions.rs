//! Promotion, and what an upstream's word stands in for (rules 8 and 9).

use super::judgement::Judgement;
use super::{CheckOutcome, DenialReason, Promotion, Requirement};

impl Judgement<'_> {
    pub(super) fn judge_promotion(&mut self) {
        if !self.settings.requires(Requirement::Promotion) {
            return;
        }
        let promotions = self.evidence.promotions.iter();
        let counting = promotions.filter(|promotion| self.is_promoted_by(promotion));
        match counting.max_by_key(|promotion| (promotion.promoted_at, promotion.id)) {
            Some(promotion) => self.promoted(promotion),
            None if self.vouches_for(Requirement::Promotion) => {}
            None => self.not_promoted(),
        }
    }

    /// A promotion counts in its environment and repository, for its digest and
    /// for the children of a promoted index.
    fn is_promoted_by(&self, promotion: &Promotion) -> bool {
        let digest = &promotion.digest;
        promotion.environment == self.subject.environment
            && promotion.repository == self.subject.repository
            && (*digest == self.subject.digest || self.evidence.above.contains(digest))
    }

    fn promoted(&mut self, promotion: &Promotion) {
        if promotion.is_supposed() {
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

    /// Whether the upstream's word stands in for absent evidence: as long as it
    /// was given for, and as long as the upstream was lately seen to hold the image.
    pub(super) fn vouches_for(&mut self, requirement: Requirement) -> bool {
        let (subject, host) = (self.subject, self.subject.repository.host());
        let word = self
            .rulebook
            .vouched_until(host, &subject.environment, requirement);
        let until = word.min(self.evidence.vouched_until);
        let Some(until) = until.filter(|until| self.now < *until) else {
            return false;
        };
        self.expires(until);
        let text = format!("vouched for by {host}");
        self.check(requirement.as_str(), CheckOutcome::Met, text);
        true
    }
}
