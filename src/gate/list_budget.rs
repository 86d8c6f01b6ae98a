//! What lists of tags may ask of one upstream. A list names as many tags as somebody
//! pushed, and each that is unknown costs a few requests: so they are counted, whoever
//! asks for the list and however often.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::replica_count::ReplicaCount;

/// Tags that are asked about at once.
const MAX_AT_ONCE: usize = 8;
/// Tags that are asked about in a minute. One costs a HEAD, and an image that is not
/// known yet about three more requests.
const MAX_PER_MINUTE: u32 = 600;
/// Of these, tags whose digest is known but old.
const MAX_OLD_PER_MINUTE: u32 = MAX_PER_MINUTE / 2;
/// Lists that are worked on at once when their client has its answer.
const MAX_WALKS: usize = 2;

/// The budget of one upstream.
pub(super) struct ListBudget {
    turns: Semaphore,
    spent: Mutex<Minute>,
    walks: Arc<Semaphore>,
    replicas: ReplicaCount,
}

#[derive(Default)]
struct Minute {
    /// Since the epoch.
    number: i64,
    tags: u32,
}

impl ListBudget {
    /// The share of one of `replicas`.
    pub(super) fn new(replicas: ReplicaCount) -> Self {
        Self {
            turns: Semaphore::new(MAX_AT_ONCE),
            spent: Mutex::default(),
            walks: Arc::new(Semaphore::new(MAX_WALKS)),
            replicas,
        }
    }

    /// Whether one more tag may be asked about at `now`; `is_old`: something is known
    /// of it that will do.
    pub(super) fn spend(&self, now: Timestamp, is_old: bool) -> bool {
        let most = if is_old {
            MAX_OLD_PER_MINUTE
        } else {
            MAX_PER_MINUTE
        };
        let number = now.as_second() / 60;
        let mut minute = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if minute.number != number {
            *minute = Minute { number, tags: 0 };
        }
        let free = minute.tags < self.replicas.share(most);
        minute.tags += u32::from(free);
        free
    }

    /// Waits until one of those that are asked about has been answered.
    pub(super) async fn turn(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    /// A place for the work on one more list, if there is one.
    pub(super) fn walk(&self) -> Option<OwnedSemaphorePermit> {
        self.walks.clone().try_acquire_owned().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_minute_has_its_tags_and_keeps_half_of_them_for_unknown_ones() {
        let replicas = ReplicaCount::default();
        let budget = ListBudget::new(replicas.clone());
        let spent = |second, is_old| {
            (0..1000)
                .filter(|_| budget.spend(at(second), is_old))
                .count()
        };
        assert_eq!(spent(0, true), 300);
        assert_eq!(spent(59, false), 300);
        assert_eq!(spent(59, true), 0);
        assert_eq!(spent(60, false), 600);
        // A clock that is set back begins another minute.
        assert_eq!(spent(0, true), 300);
        // Of several replicas each has its share.
        replicas.set(3);
        assert_eq!((spent(120, true), spent(121, false)), (100, 100));
    }
}
