//! Several that write at the same time.

use std::collections::HashSet;
use std::sync::Arc;

use sekisho::ledger::{ActFilter, Ledger, LedgerAccess};

use super::place;
use super::records::*;
use crate::lab::or_skip;

/// How many writers there are at each ledger, and how much each writes.
const WRITERS: usize = 8;
const WRITES: usize = 12;

async fn write(ledger: Arc<Ledger>, of: String) {
    for number in 0..WRITES {
        let named = digest(&format!("{of} {number}"));
        ledger.revoke(revocation(named)).await.unwrap();
    }
}

/// Both write, and a third follows meanwhile: it sees every change, in the order in which
/// they were made, without a gap; and so do they.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_two_ledgers_leave_no_gap_and_lose_nothing() {
    let place = or_skip!(place());
    let watching = place.serve().await;
    let both = [
        Arc::new(place.client().await),
        Arc::new(place.client().await),
    ];
    for ledger in &both {
        ledger.load_once().await.unwrap();
    }
    let mut writing = tokio::task::JoinSet::new();
    for (number, ledger) in both.iter().enumerate() {
        for writer in 0..WRITERS {
            writing.spawn(write(ledger.clone(), format!("{number} {writer}")));
        }
    }
    let mut seen = 0;
    while !writing.is_empty() {
        seen += watching.follow_once(now()).await.unwrap();
        if let Some(written) = writing.try_join_next() {
            written.unwrap();
        }
    }
    seen += watching.follow_once(now()).await.unwrap();
    let all = (2 * WRITERS * WRITES) as u64;
    assert_eq!(seen, all, "one change for each write, and each once");
    for ledger in both.iter().map(Arc::as_ref).chain([&watching]) {
        ledger.follow_once(now()).await.unwrap();
        assert_eq!(ledger.index().seq(), all);
        for of in ["0 0", "1 7"] {
            let named = digest(&format!("{of} 11"));
            assert!(ledger.index().is_revoked(&named));
        }
    }
    let acts = watching.acts_where(&ActFilter::default(), |_| true).await;
    let acts = acts.unwrap();
    let changes: HashSet<u64> = acts.iter().map(|act| act.mark.change).collect();
    assert_eq!((acts.len() as u64, changes.len() as u64), (all, all));
    let in_order = acts
        .windows(2)
        .all(|two| two[0].mark.change > two[1].mark.change);
    assert!(in_order, "numbers of acts rise with those of changes");
}

/// A write that two make at the same time is made once where it is one thing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_report_from_two_at_once_is_one() {
    let place = or_skip!(place());
    let one = Arc::new(place.serve().await);
    let other = Arc::new(place.client().await);
    one.record_closure(&app(), &image("img", &["base"]))
        .await
        .unwrap();
    let mut submitting = tokio::task::JoinSet::new();
    for ledger in [&one, &other, &one, &other] {
        let ledger = ledger.clone();
        submitting.spawn(async move { ledger.submit_scan(scan("img", now())).await.unwrap() });
    }
    let ids = submitting.join_all().await;
    let different: HashSet<i64> = ids.into_iter().collect();
    assert_eq!(different.len(), 1);
    one.follow_once(now()).await.unwrap();
    assert_eq!(evidence(&one, "img").await.scans.len(), 1);
}

#[tokio::test]
async fn whoever_opens_first_makes_the_tables() {
    let place = or_skip!(place());
    assert!(place.open(LedgerAccess::Client).await.is_ok());
    let first = place.serve().await;
    let second = place.client().await;
    assert_eq!(first.mark(), second.mark());
}
