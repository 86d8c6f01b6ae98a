//! Facts that later judgement needs, written in batches: what was served where.

use dashmap::DashMap;
use jiff::Timestamp;

use super::Gate;
use crate::ledger::Fact;
use crate::trust::Subject;

/// Facts that wait to be written, at most.
const WAITING: usize = 100_000;

/// What was served since the last batch.
#[derive(Default)]
pub(super) struct Facts {
    served: DashMap<Subject, Timestamp>,
}

impl Facts {
    pub(super) fn served(&self, subject: &Subject, now: Timestamp) {
        if self.served.len() < WAITING {
            self.served.insert(subject.clone(), now);
        }
    }

    fn take(&self) -> Vec<Fact> {
        let mut taken = Vec::new();
        self.served.retain(|subject, at| {
            taken.push(Fact {
                subject: subject.clone(),
                at: *at,
                served: true,
            });
            false
        });
        taken
    }
}

impl Gate {
    /// Writes the facts that wait. What cannot be written waits on.
    pub async fn write_facts_once(&self) {
        let facts = self.facts.take();
        if facts.is_empty() {
            return;
        }
        if let Err(error) = self.ledger.note_facts(&facts).await {
            tracing::error!(%error, "facts not written");
            for fact in facts {
                self.facts.served(&fact.subject, fact.at);
            }
        }
    }
}
