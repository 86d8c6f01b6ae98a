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

    /// When a subject was first served, of what is not written yet: a verdict of this moment
    /// may be remembered, and must know of it.
    pub(in crate::gate) fn served(&self, subject: &Subject) -> Option<Timestamp> {
        self.served.get(subject).map(|at| *at)
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

    fn waiting(&self) -> Vec<PullFact> {
        let kinds = [
            FactKind::Seen,
            FactKind::Lifted,
            FactKind::Served,
            FactKind::Held,
            FactKind::Gone,
        ];
        let of = |kind| {
            self.of(kind).iter().map(move |entry| PullFact {
                subject: entry.key().clone(),
                at: *entry.value(),
                kind,
            })
        };
        kinds.into_iter().flat_map(of).collect()
    }
}

impl PullFacts {
    /// Writes the facts that wait. What cannot be written waits on; what is being written is
    /// known here until it is known there.
    pub(in crate::gate) async fn write_once(&self, ledger: &Ledger) {
        let facts = self.waiting();
        if facts.is_empty() {
            return;
        }
        if let Err(error) = ledger.record_facts(&facts).await {
            tracing::error!(%error, "facts not written");
            return;
        }
        for fact in facts {
            let facts = self.of(fact.kind);
            facts.remove_if(&fact.subject, |_, at| *at == fact.at);
        }
    }
}
