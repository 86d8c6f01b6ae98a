//! Where an image comes from: how long it is known (rule 10), and what it was
//! built on (rule 11).

use jiff::SignedDuration;

use super::judgement::{Judgement, after};
use super::{CheckOutcome, DenialReason, MAX_LIST_CHARS};
use crate::oci::{Image, listed};

impl Judgement<'_> {
    /// A fresh public image waits, so that others find what is wrong with it.
    pub(super) fn judge_age(&mut self) {
        let wanted = self.settings.min_age;
        if wanted <= SignedDuration::ZERO {
            return;
        }
        if self.evidence.unpushed {
            let text = "its age counts from the push";
            return self.check("age", CheckOutcome::Warned, text);
        }
        let Some(seen) = self.evidence.first_seen else {
            let detail = "never seen here before";
            return self.deny(
                DenialReason::TooNew,
                detail,
                "wait, or use an older version",
            );
        };
        let ready = after(seen, wanted);
        match self.now < ready {
            true => {
                self.expires(ready);
                let detail = format!("first seen {seen}, served from {ready}");
                self.deny(
                    DenialReason::TooNew,
                    detail,
                    "wait, or use an older version",
                );
            }
            false => self.check("age", CheckOutcome::Met, format!("known since {seen}")),
        }
    }

    /// An image that runs must begin with all layers of an admitted image of a
    /// trusted repository, unless it lies in one itself.
    pub(super) fn judge_base(&mut self, image: &Image) {
        let trusted = &self.settings.trusted_bases;
        if trusted.is_empty() || trusted.matches(&self.subject.repository) {
            return;
        }
        if self.evidence.unpushed {
            let text = "what it is built on is judged after the push";
            return self.check("base", CheckOutcome::Warned, text);
        }
        let bases = self.consult(&self.evidence.trusted_bases);
        let mut bases = bases.into_iter().flatten();
        let found = bases.find(|it| it.image == image.manifest);
        match found {
            Some(base) => {
                let text = format!("begins with all layers of {}", base.base);
                self.check("base", CheckOutcome::Met, text);
            }
            None => {
                let name = image.manifest.short();
                let detail = format!("{name} begins with no admitted image of a trusted base");
                let next = format!(
                    "build it FROM one of {}",
                    listed(trusted.written(), MAX_LIST_CHARS)
                );
                self.deny(DenialReason::UntrustedBase, detail, next);
            }
        }
    }
}
