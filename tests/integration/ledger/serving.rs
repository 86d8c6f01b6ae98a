//! What only a server does: it falls, is replaced, refuses, and says so.

use sekisho::ledger::{FactKind, Ledger, LedgerAccess, LedgerError, LedgerOptions, PullFact};
use sekisho::storage_fault::StorageFault;
use tempfile::TempDir;

use super::records::*;
use crate::kit::postgres::{Postgres, Settings, Stop};
use crate::lab::or_skip;

async fn open(server: &Postgres, folder: &TempDir, database: &str) -> Ledger {
    let location = server_location(server.port(), database, &folder.path().join("password"));
    let options = LedgerOptions::of(location);
    let opened = Ledger::open(options, LedgerAccess::Serve, now()).await;
    opened.unwrap()
}

/// What memory holds goes on; writes are refused with the reason; all comes back.
#[tokio::test]
async fn a_server_that_falls_refuses_writes_and_is_used_again_when_it_is_back() {
    let mut server = or_skip!(Postgres::start());
    server.sql("postgres", "CREATE DATABASE trust OWNER sekisho");
    let folder = TempDir::new().unwrap();
    let ledger = open(&server, &folder, "trust").await;
    ledger.revoke(revocation(digest("bad"))).await.unwrap();
    for how in [Stop::Fast, Stop::Immediate] {
        server.stop(how);
        let refused = ledger
            .revoke(revocation(digest("worse")))
            .await
            .unwrap_err();
        assert_eq!(
            refused.fault(),
            Some(StorageFault::Unreachable),
            "{refused}"
        );
        let failure = ledger.write_failure().unwrap();
        assert_eq!(failure.fault, StorageFault::Unreachable);
        assert!(ledger.follow_once(now()).await.is_err());
        assert_eq!(ledger.read_fault(), Some(StorageFault::Unreachable));
        assert!(ledger.index().is_revoked(&digest("bad")));
        assert!(!ledger.index().is_revoked(&digest("worse")));
        server.start_again();
        ledger.probe_once().await;
        assert_eq!(ledger.write_failure(), None);
        ledger.follow_once(now()).await.unwrap();
        assert_eq!(ledger.read_fault(), None);
    }
    ledger.revoke(revocation(digest("worse"))).await.unwrap();
    assert_eq!(ledger.index().seq(), 2);
}

#[tokio::test]
async fn a_read_only_server_is_read_and_its_writes_are_refused() {
    let server = or_skip!(Postgres::start());
    server.sql("postgres", "CREATE DATABASE trust OWNER sekisho");
    let folder = TempDir::new().unwrap();
    let ledger = open(&server, &folder, "trust").await;
    server.read_only(true);
    let refused = loop {
        // The setting takes a moment to reach connections that are open.
        match ledger.revoke(revocation(digest("bad"))).await {
            Err(refused) => break refused,
            Ok(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(
        refused.fault(),
        Some(StorageFault::ReadOnlyServer),
        "{refused}"
    );
    ledger.follow_once(now()).await.unwrap();
    assert_eq!(ledger.read_fault(), None);
    server.read_only(false);
    let mut written = ledger.revoke(revocation(digest("later"))).await;
    while written.is_err() {
        written = ledger.revoke(revocation(digest("later"))).await;
    }
    assert!(ledger.index().is_revoked(&digest("later")));
    assert_eq!(ledger.write_failure(), None);
}

#[tokio::test]
async fn a_server_whose_disk_is_full_for_each_statement_is_told_until_it_has_room() {
    let server = or_skip!(Postgres::start());
    server.sql("postgres", "CREATE DATABASE trust OWNER sekisho");
    let folder = TempDir::new().unwrap();
    let ledger = open(&server, &folder, "trust").await;
    server.sql(
        "trust",
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE 'no space left' USING ERRCODE = '53100'; END $$; \
         CREATE TRIGGER full_disk BEFORE UPDATE ON identity \
         FOR EACH STATEMENT EXECUTE FUNCTION full_disk(); \
         CREATE TRIGGER full_disk BEFORE INSERT ON changes \
         FOR EACH STATEMENT EXECUTE FUNCTION full_disk()",
    );
    let refused = ledger.revoke(revocation(digest("bad"))).await.unwrap_err();
    assert_eq!(refused.fault(), Some(StorageFault::DiskFull), "{refused}");
    ledger.probe_once().await;
    let failure = ledger.write_failure().unwrap();
    assert_eq!(failure.fault, StorageFault::DiskFull);
    server.sql("trust", "DROP FUNCTION full_disk CASCADE");
    ledger.probe_once().await;
    assert_eq!(ledger.write_failure(), None);
}

/// The standby lacks what was acknowledged last: an older copy, and refused as one.
#[tokio::test]
async fn a_server_swapped_for_an_older_copy_is_refused() {
    let server = or_skip!(Postgres::start());
    server.sql("postgres", "CREATE DATABASE trust OWNER sekisho");
    let folder = TempDir::new().unwrap();
    let ledger = open(&server, &folder, "trust").await;
    ledger.revoke(revocation(digest("bad"))).await.unwrap();
    let before = "CREATE TABLE kept AS SELECT * FROM identity";
    server.sql("trust", before);
    ledger.revoke(revocation(digest("worse"))).await.unwrap();
    let back = "UPDATE identity SET newest_change = kept.newest_change FROM kept";
    server.sql("trust", back);
    let refused = ledger.revoke(revocation(digest("last"))).await.unwrap_err();
    assert_eq!(refused.fault(), Some(StorageFault::Older), "{refused}");
    assert!(ledger.follow_once(now()).await.is_err());
    assert!(ledger.index().is_revoked(&digest("worse")));
    server.sql(
        "trust",
        "UPDATE identity SET newest_change = 2, id = 'another'",
    );
    let refused = ledger.revoke(revocation(digest("last"))).await.unwrap_err();
    assert_eq!(refused.fault(), Some(StorageFault::Replaced), "{refused}");
}

#[tokio::test]
async fn a_promoted_standby_is_found_by_the_second_address() {
    let mut server = or_skip!(Postgres::start());
    server.sql("postgres", "CREATE DATABASE trust OWNER sekisho");
    let standby = server.synchronous_standby();
    let folder = TempDir::new().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, crate::kit::postgres::PASSWORD).unwrap();
    let url = format!(
        "postgres://sekisho@127.0.0.1:{},127.0.0.1:{}/trust",
        standby.port(),
        server.port()
    );
    let options = sekisho::ledger::PostgresOptions {
        password_file: Some(password),
        ..sekisho::ledger::PostgresUrl::parse(&url).unwrap().into()
    };
    let options = LedgerOptions::of(sekisho::ledger::LedgerLocation::Server(options));
    let ledger = Ledger::open(options, LedgerAccess::Serve, now())
        .await
        .unwrap();
    ledger.revoke(revocation(digest("bad"))).await.unwrap();
    server.kill();
    let refused = ledger.revoke(revocation(digest("worse"))).await;
    assert!(refused.is_err());
    standby.promote();
    ledger.revoke(revocation(digest("worse"))).await.unwrap();
    ledger.follow_once(now()).await.unwrap();
    assert_eq!(ledger.index().seq(), 2);
}

#[tokio::test]
async fn a_changed_password_is_read_again_and_never_shown() {
    let server = or_skip!(Postgres::start());
    server.sql("postgres", "CREATE DATABASE trust OWNER sekisho");
    let folder = TempDir::new().unwrap();
    let ledger = open(&server, &folder, "trust").await;
    server.sql("postgres", "ALTER ROLE sekisho PASSWORD 'another'");
    server.cut_connections();
    let refused = loop {
        if let Err(refused) = ledger.revoke(revocation(digest("bad"))).await
            && refused.fault() == Some(StorageFault::Refused)
        {
            break refused;
        }
    };
    let told = format!("{refused} {refused:?}");
    assert!(!told.contains(crate::kit::postgres::PASSWORD), "{told}");
    std::fs::write(folder.path().join("password"), "another\n").unwrap();
    ledger.revoke(revocation(digest("bad"))).await.unwrap();
    assert_eq!(ledger.write_failure(), None);
}

/// A server that stands still is not waited for without end, and is used again at once.
#[tokio::test]
async fn a_server_that_stands_still_is_given_up_and_used_again() {
    let server = or_skip!(Postgres::start());
    server.sql("postgres", "CREATE DATABASE trust OWNER sekisho");
    let folder = TempDir::new().unwrap();
    let ledger = open(&server, &folder, "trust").await;
    ledger.revoke(revocation(digest("bad"))).await.unwrap();
    server.freeze();
    let refused = ledger
        .revoke(revocation(digest("worse")))
        .await
        .unwrap_err();
    assert_eq!(
        refused.fault(),
        Some(StorageFault::Unresponsive),
        "{refused}"
    );
    server.thaw();
    let mut written = ledger.revoke(revocation(digest("last"))).await;
    while written.is_err() {
        written = ledger.revoke(revocation(digest("last"))).await;
    }
    ledger.follow_once(now()).await.unwrap();
    assert!(ledger.index().is_revoked(&digest("last")));
    assert_eq!(ledger.write_failure(), None);
}

#[tokio::test]
async fn whoever_listens_is_told_of_a_write() {
    let place = or_skip!(Place::on_server());
    let serve = place.serve().await;
    let client = place.client().await;
    // The first look connects.
    assert!(!serve.told_within(std::time::Duration::from_millis(1)).await);
    client.revoke(revocation(digest("bad"))).await.unwrap();
    assert!(serve.told_within(std::time::Duration::from_secs(60)).await);
    assert_eq!(serve.follow_once(now()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_newer_schema_on_a_server_is_refused_and_a_backup_names_the_tool() {
    let place = or_skip!(Place::on_server());
    let ledger = place.serve().await;
    let refused = ledger.backup(&place.file("copy.db")).await.unwrap_err();
    assert!(refused.to_string().contains("pg_dump"), "{refused}");
    place
        .sql("INSERT INTO _sqlx_migrations VALUES (9999, 'newer', now(), true, '', 0)")
        .await;
    let refused = place.open(LedgerAccess::Serve).await.err().unwrap();
    let newer = matches!(refused, LedgerError::NewerSchema { found: 9999, .. });
    assert!(newer, "{refused}");
}

/// PostgreSQL keeps no NUL: a report that holds one is taken in all the same.
#[tokio::test]
async fn a_nul_in_a_report_is_no_fault_of_the_server() {
    let place = or_skip!(Place::on_server());
    let ledger = place.serve().await;
    ledger
        .record_closure(&app(), &image("img", &["base"]))
        .await
        .unwrap();
    let mut new = scan("img", now());
    new.findings[0].package = "open\0ssl".to_owned();
    new.tool.version = Some("1\0".to_owned());
    ledger.submit_scan(new).await.unwrap();
    let read = evidence(&ledger, "img").await;
    assert_eq!(read.scans[0].findings[0].package, "open\u{fffd}ssl");
}

/// The server keeps the write and its answer is lost: here it waits for a standby that
/// there is not. Nobody is told that it was made, and it is there once.
#[tokio::test]
async fn a_write_whose_answer_was_lost_is_not_acknowledged_and_not_made_twice() {
    let server = or_skip!(Postgres::start());
    server.sql("postgres", "CREATE DATABASE trust OWNER sekisho");
    let folder = TempDir::new().unwrap();
    let ledger = open(&server, &folder, "trust").await;
    let wait = |for_whom: &str| {
        let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{for_whom}'");
        server.sql("postgres", &set);
        server.sql("postgres", "SELECT pg_reload_conf()");
    };
    wait("nobody");
    let refused = ledger.revoke(revocation(digest("bad"))).await.unwrap_err();
    assert_eq!(
        refused.fault(),
        Some(StorageFault::Unresponsive),
        "{refused}"
    );
    assert!(!ledger.index().is_revoked(&digest("bad")));
    wait("");
    let mut followed = ledger.follow_once(now()).await.unwrap();
    while followed == 0 {
        followed = ledger.follow_once(now()).await.unwrap();
    }
    assert_eq!(followed, 1);
    assert!(ledger.index().is_revoked(&digest("bad")));
    let rows = server.sql("trust", "SELECT count(*) FROM revocations");
    assert_eq!(rows, "1");
}

#[tokio::test]
async fn two_that_start_at_once_make_the_tables_once() {
    let place = or_skip!(Place::on_server());
    let (one, other) = tokio::join!(
        place.open(LedgerAccess::Serve),
        place.open(LedgerAccess::Serve)
    );
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.mark(), other.mark());
    one.revoke(revocation(digest("bad"))).await.unwrap();
    assert_eq!(other.follow_once(now()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_batch_of_any_size_is_a_handful_of_statements() {
    let server = or_skip!(Postgres::start_with(
        Settings::default().set("shared_preload_libraries = 'pg_stat_statements'")
    ));
    server.sql("postgres", "CREATE DATABASE trust OWNER sekisho");
    let folder = TempDir::new().unwrap();
    let ledger = open(&server, &folder, "trust").await;
    server.sql("trust", "CREATE EXTENSION pg_stat_statements");
    let counted = |facts: usize| {
        let subjects = (0..facts).map(|n| subject(&format!("{facts} {n}")));
        let facts = subjects.map(|subject| PullFact {
            subject,
            at: now(),
            kind: FactKind::Served,
        });
        facts.collect::<Vec<_>>()
    };
    for facts in [1, 400] {
        server.sql("trust", "SELECT pg_stat_statements_reset()");
        ledger.record_facts(&counted(facts)).await.unwrap();
        let calls = "SELECT sum(calls) FROM pg_stat_statements JOIN pg_roles \
                     ON pg_roles.oid = userid WHERE rolname = 'sekisho'";
        let calls: u32 = server.sql("trust", calls).parse().unwrap();
        assert!(calls <= 8, "{calls} statements for {facts}");
    }
}
