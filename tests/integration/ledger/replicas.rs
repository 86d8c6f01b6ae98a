//! Who serves, and who does what only one does.

use std::time::Duration;

use jiff::SignedDuration;
use sekisho::ledger::{Ledger, Replica};

use super::place;
use super::records::*;
use crate::lab::or_skip;

const WORK: &str = "pruning";
/// Longer than any of these tests.
const TERM: Duration = Duration::from_secs(3600);

async fn take(ledger: &Ledger, work: &str, holder: &str) -> Option<i64> {
    let taken = ledger.take_lease(work, holder, TERM, now()).await;
    taken.unwrap()
}

#[tokio::test]
async fn a_lease_is_another_s_once_it_is_given_back_and_its_fence_rises() {
    let place = or_skip!(place());
    let (first, second) = (place.serve().await, place.client().await);
    assert_eq!(take(&first, WORK, "a").await, Some(1));
    assert_eq!(take(&second, WORK, "b").await, None);
    assert_eq!(take(&first, WORK, "a").await, Some(1), "held for longer");
    assert_eq!(take(&second, "webhooks", "b").await, Some(1), "by itself");
    second.release_leases("b").await.unwrap();
    assert_eq!(take(&second, WORK, "b").await, None, "nobody else's");
    first.release_leases("a").await.unwrap();
    assert_eq!(take(&second, WORK, "b").await, Some(2));
    assert_eq!(take(&first, WORK, "a").await, None);
}

#[tokio::test]
async fn of_many_that_ask_at_once_one_holds_it() {
    let place = or_skip!(place());
    let ledgers = [place.serve().await, place.client().await];
    for _ in 0..10 {
        let holders: Vec<String> = (0..16).map(|holder| format!("r{holder}")).collect();
        let ask = |(index, holder): (usize, &String)| {
            let (ledger, holder) = (&ledgers[index % 2], holder.clone());
            async move { take(ledger, WORK, &holder).await.map(|_| holder) }
        };
        let asked = holders.iter().enumerate().map(ask);
        let held = futures_util::future::join_all(asked).await;
        let held: Vec<String> = held.into_iter().flatten().collect();
        assert_eq!(held.len(), 1, "{held:?}");
        ledgers[0].release_leases(&held[0]).await.unwrap();
    }
}

fn replica(id: &str, change: u64) -> Replica {
    Replica {
        id: id.to_owned(),
        name: format!("machine-{id}"),
        version: "1.0".to_owned(),
        started: now(),
        age: SignedDuration::ZERO,
        change,
    }
}

#[tokio::test]
async fn replicas_are_known_to_each_other_until_they_end() {
    let place = or_skip!(place());
    let (first, second) = (place.serve().await, place.client().await);
    first.tell_replica(&replica("a", 3), now()).await.unwrap();
    second.tell_replica(&replica("b", 4), now()).await.unwrap();
    first.tell_replica(&replica("a", 5), now()).await.unwrap();
    let known = async || -> Vec<(String, u64)> {
        let known = second.replicas(now()).await.unwrap();
        assert!(
            known
                .iter()
                .all(|it| it.age < SignedDuration::from_mins(10))
        );
        known.into_iter().map(|it| (it.id, it.change)).collect()
    };
    let (a, b) = ("a".to_owned(), "b".to_owned());
    assert_eq!(known().await, [(a, 5), (b.clone(), 4)]);
    first.forget_replica("a", now()).await.unwrap();
    assert_eq!(known().await, [(b, 4)]);
}

#[tokio::test]
async fn a_replica_that_is_silent_for_a_day_is_forgotten() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    ledger.tell_replica(&replica("a", 3), now()).await.unwrap();
    place.sql("UPDATE replicas SET seen = 0").await;
    assert_eq!(ledger.replicas(now()).await.unwrap(), []);
    ledger.forget_replica("b", now()).await.unwrap();
    let left = place.text("SELECT id FROM replicas").await;
    assert_eq!(left.trim(), "");
}
