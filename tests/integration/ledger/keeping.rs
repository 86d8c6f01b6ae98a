//! What was acknowledged stays; who may open; copies.

use std::os::unix::fs::PermissionsExt;

use jiff::Timestamp;
use sekisho::ledger::{DecisionFilter, Ledger, LedgerAccess, LedgerError, PullFact};
use sekisho::storage_fault::StorageFault;
use sekisho::trust::{Decision, Exposure, Outcome};
use serde_json::json;

use super::records::*;

#[tokio::test]
async fn acknowledged_writes_survive() {
    let place = Place::new();
    let ledger = place.serve().await;
    ledger
        .record_closure(&app(), &image("img", &["base"]))
        .await
        .unwrap();
    let scan_id = ledger.submit_scan(scan("img", now())).await.unwrap();
    ledger.promote(promotion("img", Some("1.0"))).await.unwrap();
    ledger.revoke(revocation(digest("bad"))).await.unwrap();
    drop(ledger);

    let ledger = place.serve().await;
    let evidence = evidence(&ledger, "img").await;
    assert_eq!(evidence.scans[0].id, scan_id);
    assert_eq!(evidence.scans[0].findings.len(), 2);
    assert_eq!(evidence.scans[0].findings[1], finding("CVE-2026-2"));
    assert_eq!(evidence.promotions[0].promoter, "release");
    assert!(ledger.index().is_revoked(&digest("bad")));
    assert_eq!(
        ledger.index().promoted(
            &production(),
            &app(),
            &sekisho::oci::Tag::parse("1.0").unwrap()
        ),
        Some(digest("img"))
    );
    assert_eq!(ledger.index().seq(), 4);
}

/// The files as they lie on disk when the process is killed after the answer.
#[tokio::test]
async fn acknowledged_writes_survive_a_crash() {
    let place = Place::new();
    let ledger = place.serve().await;
    ledger.revoke(revocation(digest("bad"))).await.unwrap();
    let after = Place::new();
    std::fs::create_dir(after.file("data")).unwrap();
    for name in ["data/ledger.db", "data/ledger.db-wal"] {
        std::fs::copy(place.file(name), after.file(name)).unwrap();
    }
    let ledger = after.serve().await;
    assert!(ledger.index().is_revoked(&digest("bad")));
}

#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    let place = Place::new();
    let ledger = place.serve().await;
    ledger.revoke(revocation(digest("bad"))).await.unwrap();
    for name in ["ledger.db", "ledger.db-wal", "ledger.db.lock"] {
        let path = place.file("data").join(name);
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn second_serve_is_refused() {
    let place = Place::new();
    let _first = place.serve().await;
    let second = place.open(LedgerAccess::Serve).await;
    let Err(LedgerError::AlreadyServed(path)) = second else {
        panic!("two serves on one ledger");
    };
    assert!(path.ends_with("ledger.db.lock"));
    place.open(LedgerAccess::Client).await.unwrap();
}

#[tokio::test]
async fn newer_schema_is_refused() {
    let place = Place::new();
    drop(place.serve().await);
    let newer = "INSERT INTO _sqlx_migrations \
                 (version, description, success, checksum, execution_time) \
                 VALUES (999, 'later', TRUE, x'00', 0)";
    place.sql(newer).await;
    for access in [LedgerAccess::Serve, LedgerAccess::Client] {
        let opened = place.open(access).await;
        let newer = matches!(opened, Err(LedgerError::NewerSchema { found: 999, .. }));
        assert!(newer, "{access:?}");
    }
}

#[tokio::test]
async fn a_damaged_record_is_an_error_and_not_skipped() {
    let place = Place::new();
    let ledger = place.serve().await;
    ledger
        .record_closure(&app(), &image("img", &["base"]))
        .await
        .unwrap();
    drop(ledger);
    place.sql("UPDATE closures SET body = '{}'").await;
    let opened = place.open(LedgerAccess::Serve).await;
    assert!(matches!(opened, Err(LedgerError::Damaged(_))));
}

#[tokio::test]
async fn a_clock_that_runs_behind_the_records_shows() {
    let place = Place::new();
    let ledger = place.serve().await;
    ledger.revoke(revocation(digest("bad"))).await.unwrap();
    drop(ledger);
    let ledger = place.serve().await;
    assert_eq!(ledger.newest_time(), Some(now()));
    assert_eq!(ledger.clock_behind(now() - minutes(7)), minutes(7));
    assert_eq!(ledger.clock_behind(now() + minutes(7)), minutes(0));
}

#[tokio::test]
async fn backup_is_online_and_complete() {
    let place = Place::new();
    let ledger = place.serve().await;
    ledger
        .record_closure(&app(), &image("img", &["base"]))
        .await
        .unwrap();
    ledger.promote(promotion("img", None)).await.unwrap();
    let copy = place.file("copy.db");
    place.client().await.backup(&copy).await.unwrap();
    ledger.revoke(revocation(digest("bad"))).await.unwrap();

    let verified = Ledger::verify(&copy).await.unwrap();
    assert_eq!(verified.seq, 2);
    assert!(verified.schema >= 5, "{}", verified.schema);
    assert_eq!(verified.newest, Some(now()));
    let mode = copy.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let restored = Place::new();
    std::fs::create_dir(restored.file("data")).unwrap();
    std::fs::copy(&copy, restored.file("data/ledger.db")).unwrap();
    let restored = restored.serve().await;
    assert_eq!(evidence(&restored, "img").await.promotions.len(), 1);
}

#[tokio::test]
async fn a_backup_replaces_nothing() {
    let place = Place::new();
    let ledger = place.serve().await;
    let copy = place.file("copy.db");
    std::fs::write(&copy, "precious").unwrap();
    let made = ledger.backup(&copy).await;
    assert!(matches!(made, Err(LedgerError::BackupExists(_))));
    assert_eq!(std::fs::read(&copy).unwrap(), b"precious");
}

#[tokio::test]
async fn what_is_no_ledger_does_not_verify() {
    let place = Place::new();
    let path = place.file("copy.db");
    assert!(Ledger::verify(&path).await.is_err());
    std::fs::write(&path, "x".repeat(5000)).unwrap();
    assert!(Ledger::verify(&path).await.is_err());
}

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
    let place = Place::new();
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
    let place = Place::new();
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
    let place = Place::new();
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
    let place = Place::new();
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
    let place = Place::new();
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
    let place = Place::new();
    let ledger = place.serve().await;
    let closure = image("img", &["base"]);
    ledger.record_closure(&app(), &closure).await.unwrap();
    let fact = |at, served| PullFact {
        subject: subject("img"),
        at,
        served,
    };
    ledger.record_facts(&[fact(now(), false)]).await.unwrap();
    assert_eq!(evidence(&ledger, "img").await.first_served, None);
    let batch = [
        fact(now() + minutes(5), true),
        fact(now() + minutes(9), true),
    ];
    ledger.record_facts(&batch).await.unwrap();
    let first = evidence(&ledger, "img").await.first_served;
    assert_eq!(first, Some(now() + minutes(5)));
}

#[tokio::test]
async fn a_ledger_that_another_program_locks_says_so_and_is_written_once_it_lets_go() {
    let place = Place::new();
    let ledger = place.serve().await;
    let mut other = place.beside().await;
    let hold = sqlx::query("BEGIN IMMEDIATE");
    hold.execute(&mut other).await.unwrap();
    let refused = ledger.revoke(revocation(digest("bad"))).await.unwrap_err();
    assert_eq!(refused.fault(), Some(StorageFault::Locked));
    let told = refused.to_string();
    assert!(told.contains("locked by another program"), "{told}");
    let failure = ledger.write_failure().unwrap();
    assert_eq!(failure.fault, StorageFault::Locked);
    let release = sqlx::query("ROLLBACK");
    release.execute(&mut other).await.unwrap();
    ledger.probe_once().await;
    assert_eq!(ledger.write_failure(), None);
    ledger.revoke(revocation(digest("bad"))).await.unwrap();
    assert!(ledger.index().is_revoked(&digest("bad")));
}

/// Statements fail in the middle of a write: a trigger stands for a fault of the disk.
#[tokio::test]
async fn a_write_that_failed_half_way_leaves_a_ledger_that_is_written() {
    let place = Place::new();
    let ledger = place.serve().await;
    let broken = "CREATE TRIGGER broken BEFORE INSERT ON changes \
                  BEGIN SELECT RAISE(ROLLBACK, 'on purpose'); END";
    place.sql(broken).await;
    for _ in 0..2 {
        let refused = ledger.revoke(revocation(digest("bad"))).await.unwrap_err();
        assert!(refused.to_string().contains("on purpose"), "{refused}");
    }
    place.sql("DROP TRIGGER broken").await;
    ledger.revoke(revocation(digest("bad"))).await.unwrap();
    assert!(ledger.index().is_revoked(&digest("bad")));
}
