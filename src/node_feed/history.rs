//! What was said before, so that agents are told what changed.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::node_snapshot::NodeSnapshot;
use crate::oci::Digest;

/// Digests of all that is kept, at most: about 48 bytes each.
const MAX_DIGESTS: usize = 400_000;
/// Numbers that are remembered, at most.
const MAX_NUMBERS: usize = 4096;

/// What an agent holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldSnapshot {
    /// Its number.
    pub sequence: u64,
    /// Of what it says; `None`: the agent does not tell.
    pub mark: Option<Digest>,
}

impl HeldSnapshot {
    /// Whether it may say what has this mark.
    pub(super) fn says(&self, mark: &Digest) -> bool {
        self.mark.as_ref().is_none_or(|it| it == mark)
    }
}

/// What was said under a number.
#[derive(Clone)]
pub(super) struct Said {
    pub sequence: u64,
    pub mark: Digest,
    pub snapshot: Arc<NodeSnapshot>,
}

/// By number, the newest first. Under one number it may be something else later, as when
/// the policy changes: for who does not tell the mark of what it holds the last counts.
#[derive(Default)]
pub(super) struct History(VecDeque<Said>);

impl History {
    pub(super) fn of(&self, held: &HeldSnapshot) -> Option<&Said> {
        let is_held = |it: &&Said| it.sequence == held.sequence && held.says(&it.mark);
        self.0.iter().find(is_held)
    }

    /// Keeps it, and the last of the others as far as there is room. The same said under
    /// several numbers is kept once.
    pub(super) fn keep(&mut self, sequence: u64, mark: &Digest, snapshot: &NodeSnapshot) {
        let same = self.0.front().filter(|it| it.mark == *mark);
        let snapshot = match same {
            Some(before) => before.snapshot.clone(),
            None => Arc::new(snapshot.clone()),
        };
        self.0.push_front(Said {
            sequence,
            mark: mark.clone(),
            snapshot,
        });
        let (mut digests, mut last) = (0, None);
        let fitting = self.0.iter().take_while(|it| {
            if last.replace(&it.mark) != Some(&it.mark) {
                digests += it.snapshot.denied_count() + it.snapshot.permitted_count();
            }
            digests <= MAX_DIGESTS
        });
        let fitting = fitting.count().clamp(1, MAX_NUMBERS);
        self.0.truncate(fitting);
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::node_snapshot::{AgentMode, OnRevoked, SnapshotTerms};

    fn snapshot(count: u32) -> NodeSnapshot {
        let terms = SnapshotTerms {
            environment: "production".to_owned(),
            sequence: 1,
            issued_at: Timestamp::UNIX_EPOCH,
            valid_until: Timestamp::MAX,
            max_silence_seconds: 60,
            mode: AgentMode::Enforce,
            on_revoked: OnRevoked::Report,
        };
        let digests = (0..count).map(|it| (Digest::sha256(&it.to_be_bytes()), "revoked"));
        NodeSnapshot::new(terms, digests, [])
    }

    fn held(sequence: u64) -> HeldSnapshot {
        HeldSnapshot {
            sequence,
            mark: None,
        }
    }

    #[test]
    fn knows_what_is_held_under_a_number_that_said_something_else_since() {
        let marks = [Digest::sha256(b"before"), Digest::sha256(b"after")];
        let mut history = History::default();
        for mark in &marks {
            history.keep(7, mark, &snapshot(1));
        }
        for mark in &marks {
            let held = HeldSnapshot {
                mark: Some(mark.clone()),
                ..held(7)
            };
            assert_eq!(history.of(&held).unwrap().mark, *mark);
        }
        assert_eq!(history.of(&held(7)).unwrap().mark, marks[1]);
        let other = HeldSnapshot {
            mark: Some(Digest::sha256(b"other")),
            ..held(7)
        };
        assert!(history.of(&other).is_none());
    }

    #[test]
    fn forgets_the_oldest_where_there_is_no_room() {
        let mark = |it: u64| Digest::sha256(&it.to_be_bytes());
        let (small, large) = (snapshot(1), snapshot(150_000));
        let mut history = History::default();
        for number in 1..4 {
            history.keep(number, &mark(number), &small);
        }
        assert!((1..4).all(|it| history.of(&held(it)).is_some()));
        for number in 4..7 {
            history.keep(number, &mark(number), &large);
        }
        let kept = [1, 4, 5, 6].map(|it| history.of(&held(it)).is_some());
        assert_eq!(kept, [false, false, true, true]);
    }

    #[test]
    fn the_same_under_many_numbers_takes_no_more_room() {
        let (mark, large) = (Digest::sha256(b"x"), snapshot(150_000));
        let mut history = History::default();
        for number in 1..100 {
            history.keep(number, &mark, &large);
        }
        assert!(history.of(&held(1)).is_some() && history.of(&held(100)).is_none());
    }
}
