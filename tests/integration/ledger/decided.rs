//! Decisions, and what is remembered of pulls.

use jiff::Timestamp;
use sekisho::ledger::{DecisionFilter, FactKind, PullFact};
use sekisho::trust::{Decision, Exposure, Outcome};
use serde_json::json;

use super::place;
use super::records::*;
use crate::lab::or_skip;

fn decision(id: u128, time: Timestamp, count: u64) -> Decision {
    let decision = json!({
        "id": format!("{id:032x}"), "time": time, "count": count, "door": "registry",
        "environment": "production", "principal": "anonymous", "client": null,
        "image": "registry.corp/app:1", "upstream": null, "digest": digest("img"),
        "verdict": "denied", "reasons": ["not-scanned"], "message": "no", "mode": "enforce",
        "exposure": "external", "exposure_source": { "kind": "listener" },
        "policy_revision": "1", "evidence": [], "evidence_age_s": null,
        "ledger_age_s": null, "duration_us": 1,
    });
    serde_json::from_value(decision).unwrap()
}

#[tokio::test]
async fn a_decision_keeps_its_last_count() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let first = decision(1, now(), 1);
    let closed = decision(1, now(), 12);
    ledger
        .record_decisions(std::slice::from_ref(&first))
        .await
        .unwrap();
    ledger
        .record_decisions(&[closed.clone(), first])
        .await
        .unwrap();
    assert_eq!(ledger.decision(&closed.id).await.unwrap(), Some(closed));
}

#[tokio::test]
async fn pruning_keeps_newer_decisions() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let old = decision(1, now() - minutes(60), 1);
    let new = decision(2, now(), 1);
    ledger.record_decisions(&[old, new.clone()]).await.unwrap();
    let pruned = ledger.prune_decisions(now() - minutes(30)).await.unwrap();
    assert_eq!(pruned, 1);
    let all = ledger.decisions(&DecisionFilter::default()).await.unwrap();
    assert_eq!(all, [new]);
}

#[tokio::test]
async fn decisions_are_found_by_what_is_asked_newest_first() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let times = [30, 20, 10].map(|ago| now() - minutes(ago));
    let batch: Vec<Decision> = (1..).zip(times).map(|(id, t)| decision(id, t, 1)).collect();
    ledger.record_decisions(&batch).await.unwrap();
    let since = DecisionFilter {
        since: Some(times[1]),
        environment: Some(production()),
        verdict: Some(Outcome::Denied),
        ..DecisionFilter::default()
    };
    let found = ledger.decisions(&since).await.unwrap();
    assert_eq!(found, [batch[2].clone(), batch[1].clone()]);
    let allowed = DecisionFilter {
        verdict: Some(Outcome::Allowed),
        ..since.clone()
    };
    assert!(ledger.decisions(&allowed).await.unwrap().is_empty());
    let one = DecisionFilter {
        limit: Some(1),
        ..since
    };
    assert_eq!(ledger.decisions(&one).await.unwrap().len(), 1);
}

/// More than one question returns were told to others since.
#[tokio::test]
async fn what_others_were_told_hides_nothing() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let own = |decision: &Decision| decision.image == "registry.corp/own:1";
    let mut batch: Vec<Decision> = (1..=1100).map(|id| decision(id, now(), 1)).collect();
    for (number, told) in batch.iter_mut().enumerate() {
        told.digest = Some(digest(&format!("img-{number}")));
    }
    let mut first = decision(2000, now() - minutes(9), 1);
    first.image = "registry.corp/own:1".to_owned();
    batch.push(first.clone());
    ledger.record_decisions(&batch).await.unwrap();
    let all = DecisionFilter::default();
    assert_eq!(ledger.decisions(&all).await.unwrap().len(), 1000);
    let found = ledger.decisions_where(&all, own).await.unwrap();
    assert_eq!(found, [first.clone()]);
    let since = now() - minutes(60);
    let told = ledger.decided_since(since, 1, own).await.unwrap();
    assert_eq!(told, [first]);
}

#[tokio::test]
async fn what_was_decided_is_reported_once_for_each_image_with_its_count() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let at = |ago: i64| now() - minutes(ago);
    let mut elsewhere = decision(5, at(1), 1);
    elsewhere.exposure = Exposure::Internal;
    let mut nameless = decision(6, at(1), 1);
    nameless.digest = None;
    let mut other = decision(7, at(2), 4);
    other.image = "registry.corp/app:2".to_owned();
    let batch = [
        decision(1, at(60), 100),
        decision(2, at(9), 3),
        decision(3, at(3), 2),
        decision(4, at(5), 7),
        elsewhere.clone(),
        nameless,
        other.clone(),
    ];
    ledger.record_decisions(&batch).await.unwrap();
    let newest = Decision {
        count: 12,
        ..batch[2].clone()
    };
    let told = ledger.decided_since(at(30), 10, |_| true).await.unwrap();
    assert_eq!(told, [elsewhere.clone(), other, newest]);
    let told = ledger.decided_since(at(30), 1, |_| true).await.unwrap();
    assert_eq!(told, [elsewhere]);
}

#[tokio::test]
async fn the_first_service_is_remembered() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let closure = image("img", &["base"]);
    ledger.record_closure(&app(), &closure).await.unwrap();
    let fact = |at, kind| PullFact {
        subject: subject("img"),
        at,
        kind,
    };
    ledger
        .record_facts(&[fact(now(), FactKind::Seen)])
        .await
        .unwrap();
    assert_eq!(evidence(&ledger, "img").await.first_served, None);
    let batch = [
        fact(now() + minutes(1), FactKind::Lifted),
        fact(now() + minutes(5), FactKind::Served),
        fact(now() + minutes(9), FactKind::Served),
    ];
    ledger.record_facts(&batch).await.unwrap();
    let first = evidence(&ledger, "img").await.first_served;
    assert_eq!(first, Some(now() + minutes(5)));
}
