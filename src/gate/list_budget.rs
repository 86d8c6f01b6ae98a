//! What lists of tags may ask of one upstream. A list names as many tags as somebody
//! pushed, and each that is unknown costs a few requests: so they are counted, whoever
//! asks for the list and however often.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::oci::RepositoryName;
use crate::replica_count::ReplicaCount;

/// Tags that are asked about at once.
const MAX_AT_ONCE: usize = 8;
/// Tags that are asked about in a minute. One costs a HEAD, and an image that is not
/// known yet about three more requests.
const MAX_PER_MINUTE: u32 = 600;
/// Of these, tags of one repository.
const MAX_OF_ONE_PER_MINUTE: u32 = MAX_PER_MINUTE / 2;
/// Of all, tags whose digest is known but old.
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
    /// Of each repository that has any.
    tags_of: HashMap<RepositoryName, u32>,
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

    /// Whether one more tag of `repository` may be asked about at `now`; `is_old`:
    /// something is known of it that will do.
    pub(super) fn spend(&self, repository: &RepositoryName, now: Timestamp, is_old: bool) -> bool {
        let most = if is_old {
            MAX_OLD_PER_MINUTE
        } else {
            MAX_PER_MINUTE
        };
        let number = now.as_second() / 60;
        let mut minute = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if minute.number != number {
            *minute = Minute {
                number,
                ..Minute::default()
            };
        }
        let of_one = minute.tags_of.get(repository).copied().unwrap_or_default();
        let free = minute.tags < self.replicas.share(most)
            && of_one < self.replicas.share(MAX_OF_ONE_PER_MINUTE);
        if free {
            minute.tags += 1;
            minute.tags_of.insert(repository.clone(), of_one + 1);
        }
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

    /// How many of a thousand tags of a repository may be asked about.
    fn spent(budget: &ListBudget, name: &str, second: i64, is_old: bool) -> usize {
        let name: RepositoryName = name.parse().unwrap();
        (0..1000)
            .filter(|_| budget.spend(&name, at(second), is_old))
            .count()
    }

    #[test]
    fn a_minute_has_its_tags_and_keeps_half_of_them_for_unknown_ones() {
        let replicas = ReplicaCount::default();
        let budget = ListBudget::new(replicas.clone());
        assert_eq!(spent(&budget, "team/a", 0, true), 300);
        assert_eq!(spent(&budget, "team/b", 1, true), 0);
        assert_eq!(spent(&budget, "team/b", 59, false), 300);
        assert_eq!(spent(&budget, "team/c", 59, false), 0);
        assert_eq!(spent(&budget, "team/c", 60, false), 300);
        // A clock that is set back begins another minute.
        assert_eq!(spent(&budget, "team/c", 0, true), 300);
        // Of several replicas each has its share.
        replicas.set(3);
        assert_eq!(spent(&budget, "team/a", 120, true), 100);
        assert_eq!(spent(&budget, "team/b", 121, false), 100);
    }

    #[test]
    fn a_repository_of_many_tags_leaves_others_half_of_a_minute() {
        let budget = ListBudget::new(ReplicaCount::default());
        assert_eq!(spent(&budget, "team/many", 0, false), 300);
        assert_eq!(spent(&budget, "team/few", 0, false), 300);
    }
}
