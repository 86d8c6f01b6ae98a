//! What other processes write.

use sekisho::oci::Tag;

use super::place;
use super::records::*;
use crate::lab::or_skip;

#[tokio::test]
async fn writes_of_another_process_are_followed() {
    let place = or_skip!(place());
    let serve = place.serve().await;
    let client = place.client().await;
    let both = index("idx", &[("amd", "l1")]);
    client.record_closure(&app(), &both).await.unwrap();
    client.submit_scan(scan("amd", now())).await.unwrap();
    client.promote(promotion("idx", Some("1"))).await.unwrap();
    client.revoke(revocation(digest("l1"))).await.unwrap();
    assert!(!serve.index().has_evidence(&digest("idx")));

    assert_eq!(serve.follow_once(now()).await.unwrap(), 4);
    assert!(serve.index().has_evidence(&digest("idx")));
    assert!(serve.index().is_revoked(&digest("l1")));
    let tag = Tag::parse("1").unwrap();
    let promoted = serve.index().promoted(&production(), &app(), &tag);
    assert_eq!(promoted, Some(digest("idx")));
    let evidence = evidence(&serve, "amd").await;
    assert_eq!(evidence.scans.len(), 1);
    assert_eq!(evidence.promotions.len(), 1);
    assert_eq!(evidence.revocations.len(), 1);
    assert_eq!(serve.follow_once(now()).await.unwrap(), 0);
}

#[tokio::test]
async fn own_writes_between_foreign_ones_are_seen_once_and_rightly() {
    let place = or_skip!(place());
    let serve = place.serve().await;
    let client = place.client().await;
    client.revoke(revocation(digest("bad"))).await.unwrap();
    let undo = reinstatement(digest("bad"));
    assert_eq!(serve.reinstate(undo).await.unwrap(), 1);
    assert!(!serve.index().is_revoked(&digest("bad")));
    assert_eq!(serve.index().seq(), 0);
    serve.follow_once(now()).await.unwrap();
    assert!(!serve.index().is_revoked(&digest("bad")));
    assert_eq!(serve.index().seq(), 2);
}

#[tokio::test]
async fn own_writes_need_no_following() {
    let place = or_skip!(place());
    let serve = place.serve().await;
    serve.revoke(revocation(digest("bad"))).await.unwrap();
    assert!(serve.index().is_revoked(&digest("bad")));
    assert_eq!(serve.index().seq(), 1);
    assert_eq!(serve.follow_once(now()).await.unwrap(), 0);
}

#[tokio::test]
async fn gap_rebuilds_index() {
    let place = or_skip!(place());
    let serve = place.serve().await;
    let client = place.client().await;
    client.revoke(revocation(digest("bad"))).await.unwrap();
    client.revoke(revocation(digest("worse"))).await.unwrap();
    assert_eq!(client.prune_changes(1).await.unwrap(), 1);
    serve.follow_once(now()).await.unwrap();
    assert!(serve.index().is_revoked(&digest("bad")));
    assert!(serve.index().is_revoked(&digest("worse")));
    assert_eq!(serve.index().seq(), 2);
}

#[tokio::test]
async fn pruning_everything_is_a_gap_too() {
    let place = or_skip!(place());
    let serve = place.serve().await;
    let client = place.client().await;
    client.revoke(revocation(digest("bad"))).await.unwrap();
    assert_eq!(client.prune_changes(0).await.unwrap(), 1);
    serve.follow_once(now()).await.unwrap();
    assert!(serve.index().is_revoked(&digest("bad")));
}

#[tokio::test]
async fn many_changes_are_followed_in_batches() {
    let place = or_skip!(place());
    let serve = place.serve().await;
    let client = place.client().await;
    for n in 0..1002 {
        let name = format!("bad {n}");
        client.revoke(revocation(digest(&name))).await.unwrap();
    }
    assert_eq!(serve.follow_once(now()).await.unwrap(), 1002);
    assert!(serve.index().is_revoked(&digest("bad 1001")));
}

#[tokio::test]
async fn silence_is_counted_from_the_last_time_it_could_follow() {
    let place = or_skip!(place());
    let serve = place.serve().await;
    serve.follow_once(now() + minutes(1)).await.unwrap();
    assert_eq!(serve.confirmed_age(now() + minutes(3)), minutes(2));
    serve.close().await;
    assert!(serve.follow_once(now() + minutes(9)).await.is_err());
    assert!(!serve.is_silent(now() + minutes(16)));
    assert!(serve.is_silent(now() + minutes(17)));
}

#[tokio::test]
async fn memory_answers_without_sql() {
    let place = or_skip!(place());
    let serve = place.serve().await;
    let closure = image("img", &["base"]);
    serve.record_closure(&app(), &closure).await.unwrap();
    serve.revoke(revocation(digest("bad"))).await.unwrap();
    serve.close().await;
    let index = serve.index();
    assert!(index.is_complete());
    assert!(index.is_revoked(&digest("bad")));
    assert_eq!(index.closure(&app(), &digest("img")), Some(closure));
    assert!(!index.has_evidence(&digest("unknown")));
    assert!(serve.promote(promotion("img", None)).await.is_err());
}
