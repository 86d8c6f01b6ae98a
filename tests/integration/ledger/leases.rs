//! Leases by a clock that the test moves, as a file keeps them.

use std::time::Duration;

use jiff::Timestamp;
use sekisho::ledger::Ledger;

use super::records::Place;

const TERM: Duration = Duration::from_secs(10);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

#[tokio::test]
async fn one_holds_a_lease_until_it_ends_and_another_only_then() {
    let place = Place::new();
    let (first, second) = (place.serve().await, place.client().await);
    let take = async |ledger: &Ledger, holder: &str, now: i64| {
        let taken = ledger.take_lease("pruning", holder, TERM, at(now)).await;
        taken.unwrap()
    };
    assert_eq!(take(&first, "a", 0).await, Some(1));
    assert_eq!(take(&second, "b", 1).await, None);
    assert_eq!(take(&first, "a", 5).await, Some(1), "held for longer");
    assert_eq!(take(&second, "b", 14).await, None, "not at its first end");
    assert_eq!(take(&second, "b", 15).await, Some(2), "at its end");
    assert_eq!(take(&first, "a", 16).await, None);
}
