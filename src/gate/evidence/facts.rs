//! Facts that later judgement needs, written in batches: what was served where.

use dashmap::DashMap;
use jiff::Timestamp;

use crate::ledger::{Ledger, PullFact};
use crate::trust::Subject;

/// Facts of a kind that wait to be written, at most: a name has 255 bytes at most, so about
/// 8 MiB. They are written each second.
const MAX_WAITING_FACTS: usize = 16_384;

/// What was seen and served since the last batch.
#[derive(Default)]
pub(in crate::gate) struct PullFacts {
    served: DashMap<Subject, Timestamp>,
    seen: DashMap<Subject, Timestamp>,
}

impl PullFacts {
    pub(in crate::gate) fn served(&self, subject: &Subject, now: Timestamp) {
        if self.served.len() < MAX_WAITING_FACTS {
            self.served.entry(subject.clone()).or_insert(now);
        }
    }

    /// Notes that a subject was seen, and returns when that was first: never later
    /// than now.
    pub(in crate::gate) fn seen(&self, subject: &Subject, now: Timestamp) -> Timestamp {
        if let Some(first) = self.seen.get(subject)
            && *first <= now
        {
            return *first;
        }
        if self.seen.len() < MAX_WAITING_FACTS {
            let mut first = self.seen.entry(subject.clone()).or_insert(now);
            *first = now.min(*first);
            *first
        } else {
            now
        }
    }

    fn take(&self) -> Vec<PullFact> {
        let mut taken = Vec::new();
        for (facts, served) in [(&self.served, true), (&self.seen, false)] {
            facts.retain(|subject, at| {
                taken.push(PullFact {
                    subject: subject.clone(),
                    at: *at,
                    served,
                });
                false
            });
        }
        taken
    }

    fn put_back(&self, fact: &PullFact) {
        match fact.served {
            true => self.served(&fact.subject, fact.at),
            false => {
                self.seen(&fact.subject, fact.at);
            }
        }
    }
}

impl PullFacts {
    /// Writes the facts that wait. What cannot be written waits on.
    pub(in crate::gate) async fn write_once(&self, ledger: &Ledger) {
        let facts = self.take();
        if facts.is_empty() {
            return;
        }
        if let Err(error) = ledger.record_facts(&facts).await {
            tracing::error!(%error, "facts not written");
            for fact in facts {
                self.put_back(&fact);
            }
        }
    }
}
