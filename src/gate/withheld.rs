//! Images that a list left out, of which the ledger knows nothing: read once, they need
//! not be read again for each list, though there may be more of them than memory holds.

use std::sync::Arc;

use jiff::SignedDuration;

use super::pull::Question;
use crate::ledger::Ledger;
use crate::memory::{BoundedMemory, HeapSize, Validity};
use crate::trust::{Exposure, Subject, Verdict};

/// Bytes of such images that are remembered: about 60,000.
const MAX_BYTES: u64 = 16 << 20;
/// How long one stays out of lists unread. What is handed in on the image itself ends
/// that at once; on a part of it, after this time.
const TTL: SignedDuration = SignedDuration::from_mins(10);

/// The images, by the revision of the rulebook that denied each.
pub(super) struct Withheld {
    ledger: Arc<Ledger>,
    denied: BoundedMemory<Denied, ()>,
}

/// What was denied, and under what.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Denied {
    subject: Subject,
    exposure: Exposure,
    rulebook: u64,
}

impl HeapSize for Denied {
    fn heap_size(&self) -> usize {
        self.subject.heap_size()
    }
}

impl Denied {
    fn of(question: Question<'_>) -> Self {
        Self {
            subject: question.subject.clone(),
            exposure: question.bare_exposure(),
            rulebook: question.rulebook.revision(),
        }
    }
}

impl Withheld {
    pub(super) fn new(ledger: Arc<Ledger>) -> Self {
        Self {
            ledger,
            denied: BoundedMemory::new(MAX_BYTES),
        }
    }

    /// Whether it was denied a short while ago, and nothing has changed since.
    pub(super) fn holds(&self, question: Question<'_>) -> bool {
        let denied = self.denied.get(&Denied::of(question), question.now);
        denied.is_some() && !self.is_known(question)
    }

    /// Remembers a denial for as long as time alone does not end it.
    pub(super) fn note(&self, question: Question<'_>, verdict: &Verdict) {
        if self.is_known(question) {
            return;
        }
        let longest = question.now.saturating_add(TTL).unwrap_or(question.now);
        let until = verdict
            .valid_until()
            .map_or(longest, |end| end.min(longest));
        let validity = Validity::until(question.now, Some(until));
        self.denied.insert(Denied::of(question), (), validity);
    }

    fn is_known(&self, question: Question<'_>) -> bool {
        self.ledger.index().has_evidence(&question.subject.digest)
    }
}
