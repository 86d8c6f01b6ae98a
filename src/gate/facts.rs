//! Facts that later judgement needs, written in batches: what was served where.

use dashmap::DashMap;
use jiff::Timestamp;

use crate::ledger::{Fact, Ledger};
use crate::trust::Subject;

/// Facts that wait to be written, at most.
const WAITING: usize = 100_000;

/// What was seen and served since the last batch.
#[derive(Default)]
pub(super) struct Facts {
    served: DashMap<Subject, Timestamp>,
    seen: DashMap<Subject, Timestamp>,
}

impl Facts {
    pub(super) fn served(&self, subject: &Subject, now: Timestamp) {
        if self.served.len() < WAITING {
            self.served.entry(subject.clone()).or_insert(now);
        }
    }

    /// Notes that a subject was seen, and returns when that was first: never later
    /// than now.
    pub(super) fn seen(&self, subject: &Subject, now: Timestamp) -> Timestamp {
        if let Some(first) = self.seen.get(subject)
            && *first <= now
        {
            return *first;
        }
        if self.seen.len() < WAITING {
            let mut first = self.seen.entry(subject.clone()).or_insert(now);
            *first = now.min(*first);
            *first
        } else {
            now
        }
    }

    fn take(&self) -> Vec<Fact> {
        let mut taken = Vec::new();
        for (facts, served) in [(&self.served, true), (&self.seen, false)] {
            facts.retain(|subject, at| {
                taken.push(Fact {
                    subject: subject.clone(),
                    at: *at,
                    served,
                });
                false
            });
        }
        taken
    }

    fn put_back(&self, fact: &Fact) {
        match fact.served {
            true => self.served(&fact.subject, fact.at),
            false => {
                self.seen(&fact.subject, fact.at);
            }
        }
    }
}

impl Facts {
    /// Writes the facts that wait. What cannot be written waits on.
    pub(super) async fn write_once(&self, ledger: &Ledger) {
        let facts = self.take();
        if facts.is_empty() {
            return;
        }
        if let Err(error) = ledger.note_facts(&facts).await {
            tracing::error!(%error, "facts not written");
            for fact in facts {
                self.put_back(&fact);
            }
        }
    }
}
