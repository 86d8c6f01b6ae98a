//! What was acknowledged stays; who may open; copies.

use std::os::unix::fs::PermissionsExt;

use sekisho::ledger::{Ledger, LedgerAccess, LedgerError, LedgerOptions};
use sekisho::storage_fault::StorageFault;

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

/// However they spell its path.
#[tokio::test]
async fn a_second_serve_by_a_link_to_the_file_is_refused() {
    let place = Place::new();
    let _first = place.serve().await;
    let link = place.file("elsewhere.db");
    std::os::unix::fs::symlink("data/ledger.db", &link).unwrap();
    let options = LedgerOptions::at(&link);
    let second = Ledger::open(options, LedgerAccess::Serve, now()).await;
    assert!(matches!(second, Err(LedgerError::AlreadyServed(_))));
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

#[tokio::test]
async fn a_statement_that_fails_each_time_is_told_as_what_keeps_it_from_being_written() {
    let place = Place::new();
    let ledger = place.serve().await;
    let broken = "CREATE TRIGGER broken BEFORE UPDATE ON identity \
                  BEGIN SELECT RAISE(ABORT, 'on purpose'); END";
    place.sql(broken).await;
    let failing = "CREATE TRIGGER failing BEFORE INSERT ON changes \
                   BEGIN SELECT RAISE(ABORT, 'on purpose'); END";
    place.sql(failing).await;
    ledger.revoke(revocation(digest("bad"))).await.unwrap_err();
    ledger.probe_once().await;
    let told = ledger.write_failure().unwrap().fault.to_string();
    assert!(told.contains("on purpose"), "{told}");
    place.sql("DROP TRIGGER broken").await;
    ledger.probe_once().await;
    assert_eq!(ledger.write_failure(), None);
}
