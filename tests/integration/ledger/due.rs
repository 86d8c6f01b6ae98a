//! What is worth a scan: what is promoted, and what was pulled lately.

use sekisho::ledger::{FactKind, Ledger, PullFact};

use super::place;
use super::records::*;
use crate::lab::or_skip;

async fn pull(ledger: &Ledger, root: &str, ago: i64, kind: FactKind) {
    let fact = PullFact {
        subject: subject(root),
        at: now() - minutes(ago),
        kind,
    };
    ledger.record_facts(&[fact]).await.unwrap();
}

#[tokio::test]
async fn what_was_pulled_lately_is_reported_the_last_first() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    for (root, ago) in [("a", 50), ("b", 40), ("c", 30), ("a", 10)] {
        pull(&ledger, root, ago, FactKind::Served).await;
    }
    pull(&ledger, "only seen", 1, FactKind::Seen).await;
    let since = now() - minutes(40);
    let told = ledger
        .subjects_pulled_since(since, 10, |_| true)
        .await
        .unwrap();
    let expected = [("a", 10), ("b", 40), ("c", 30)].map(|(it, ago)| (subject(it), ago));
    let mut expected = expected.map(|(it, ago)| (it, now() - minutes(ago)));
    expected.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
    assert_eq!(told, expected);
    let last = ledger
        .subjects_pulled_since(since, 1, |_| true)
        .await
        .unwrap();
    assert_eq!(last, expected[..1]);
}

#[tokio::test]
async fn each_promoted_subject_is_reported_once_and_no_withdrawn_one() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    for root in ["a", "b", "a"] {
        let promoted = promotion(root, Some("1"));
        ledger.promote(promoted).await.unwrap();
    }
    let mut stolen = promotion("c", None);
    stolen.promoter = "thief".to_owned();
    ledger.promote(stolen).await.unwrap();
    ledger.create_token(token("thief")).await.unwrap();
    ledger.revoke_token("thief", true, now()).await.unwrap();
    let told = ledger.promoted_subjects(10, |_| true).await.unwrap();
    assert_eq!(told, [subject("a"), subject("b")]);
    let last = ledger.promoted_subjects(1, |_| true).await.unwrap();
    assert_eq!(last, [subject("a")]);
}

#[tokio::test]
async fn pages_of_what_is_in_use_hold_each_subject_once() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    for root in ["a", "b", "c"] {
        pull(&ledger, root, 10, FactKind::Served).await;
    }
    pull(&ledger, "long ago", 90, FactKind::Lifted).await;
    for root in ["b", "c", "d", "e"] {
        ledger.promote(promotion(root, None)).await.unwrap();
    }
    let since = now() - minutes(40);
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = ledger.in_use_page(after.as_ref(), since, 2).await.unwrap();
        assert!(page.subjects.len() <= 2);
        paged.extend(page.subjects);
        match page.is_cut {
            true => after = paged.last().cloned(),
            false => break,
        }
    }
    let mut expected = ["a", "b", "c", "d", "e"].map(subject);
    expected.sort_by_key(|it| it.digest.to_string());
    assert_eq!(paged, expected);
}
