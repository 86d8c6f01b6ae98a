//! Facts that later judgement needs, written in batches: what was served where, and what its
//! upstream was seen to hold.

use dashmap::DashMap;
use jiff::Timestamp;

use crate::ledger::{FactKind, Ledger, PullFact};
use crate::trust::Subject;

/// Facts of a kind that wait to be written, at most: a name has 255 bytes at most, so about
/// 8 MiB. They are written each second.
const MAX_WAITING_FACTS: usize = 16_384;

type Waiting = DashMap<Subject, Timestamp>;

/// What happened since the last batch.
#[derive(Default)]
pub(in crate::gate) struct PullFacts {
    seen: Waiting,
    lifted: Waiting,
    served: Waiting,
    held: Waiting,
    gone: Waiting,
}

impl PullFacts {
    /// Notes a fact. Of what was seen and served the first time counts, of what the upstream
    /// holds the last.
    pub(in crate::gate) fn note(&self, kind: FactKind, subject: &Subject, now: Timestamp) {
        let facts = self.of(kind);
        if facts.len() >= MAX_WAITING_FACTS {
            return;
        }
        let mut at = facts.entry(subject.clone()).or_insert(now);
        *at = match kind {
            FactKind::Seen | FactKind::Lifted | FactKind::Served => now.min(*at),
            FactKind::Held | FactKind::Gone => now.max(*at),
        };
    }

    /// Notes that a subject was seen, and returns when that was first: never later
    /// than now.
    pub(in crate::gate) fn seen(&self, subject: &Subject, now: Timestamp) -> Timestamp {
        if let Some(first) = self.seen.get(subject)
            && *first <= now
        {
            return *first;
        }
        self.note(FactKind::Seen, subject, now);
        now
    }

    fn of(&self, kind: FactKind) -> &Waiting {
        match kind {
            FactKind::Seen => &self.seen,
            FactKind::Lifted => &self.lifted,
            FactKind::Served => &self.served,
            FactKind::Held => &self.held,
            FactKind::Gone => &self.gone,
        }
    }

    fn take(&self) -> Vec<PullFact> {
        let mut taken = Vec::new();
        for kind in [
            FactKind::Seen,
            FactKind::Lifted,
            FactKind::Served,
            FactKind::Held,
            FactKind::Gone,
        ] {
            self.of(kind).retain(|subject, at| {
                taken.push(PullFact {
                    subject: subject.clone(),
                    at: *at,
                    kind,
                });
                false
            });
        }
        taken
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
                self.note(fact.kind, &fact.subject, fact.at);
            }
        }
    }
}
