//! A ledger of an earlier version keeps its evidence.

use std::fs;

use sekisho::access::Scope;
use sekisho::ledger::{LedgerAccess, LedgerError};
use sekisho::oci::RepositoryGlobs;
use sekisho::report::Finding;
use sqlx::Connection;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::records::*;

const FIRST: &str = include_str!("../../../src/ledger/migrations/0001_records.sql");

/// A ledger as the first version made it.
async fn first_version(place: &Place) -> SqliteConnection {
    for folder in ["data", "migrations"] {
        fs::create_dir(place.file(folder)).unwrap();
    }
    fs::write(place.file("migrations/0001_records.sql"), FIRST).unwrap();
    let migrations = Migrator::new(place.file("migrations")).await.unwrap();
    let options = SqliteConnectOptions::new()
        .filename(place.file("data/ledger.db"))
        .create_if_missing(true);
    let mut sql = SqliteConnection::connect_with(&options).await.unwrap();
    migrations.run(&mut sql).await.unwrap();
    sql
}

/// As it was written, byte by byte: no malware, no secrets, no packages, nothing bound.
async fn scan_then(sql: &mut SqliteConnection, received_at: &str, findings: &[Finding]) {
    let manifest = digest("img");
    let scope = serde_json::to_string(&scope()).unwrap();
    let body = format!(
        r#"{{"id":0,"manifest":"{manifest}","format":"trivy","tool":{{"name":"trivy",
        "version":null}},"submitter":"ci","scope":{scope},"scanned_at":"{received_at}",
        "received_at":"{received_at}","database_at":null,"incomplete":[],
        "end_of_life":false,"findings":[]}}"#
    );
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO scans (manifest, submitter, fingerprint, worst, unrated, body) \
         VALUES (?, 'ci', ?, 'high', 0, ?) RETURNING id",
    )
    .bind(manifest.to_string())
    .bind(received_at)
    .bind(body)
    .fetch_one(&mut *sql)
    .await
    .unwrap();
    sqlx::query("INSERT INTO findings SELECT ?, key, value FROM json_each(?)")
        .bind(id)
        .bind(serde_json::to_string(findings).unwrap())
        .execute(&mut *sql)
        .await
        .unwrap();
}

fn scope() -> Scope {
    let globs = RepositoryGlobs::new(vec!["registry.corp/**".to_owned()]);
    Scope::new(globs.unwrap(), Vec::new())
}

async fn old_ledger(place: &Place) {
    let mut sql = first_version(place).await;
    let unfixed = Finding {
        fixed: None,
        ..finding("CVE-2026-1")
    };
    let first = [unfixed, finding("CVE-2025-9")];
    scan_then(&mut sql, "2026-06-01T00:00:00.25Z", &first).await;
    let second = [finding("CVE-2026-1")];
    scan_then(&mut sql, "2026-06-02T00:00:00Z", &second).await;
    let closure = serde_json::to_string(&*image("img", &["base"])).unwrap();
    sqlx::query("INSERT INTO closures VALUES (?, ?, ?)")
        .bind(app().to_string())
        .bind(digest("img").to_string())
        .bind(closure)
        .execute(&mut sql)
        .await
        .unwrap();
    sql.close().await.unwrap();
}

#[tokio::test]
async fn a_ledger_of_the_first_version_keeps_its_evidence() {
    let place = Place::new();
    old_ledger(&place).await;
    let ledger = place.serve().await;
    let scans = evidence(&ledger, "img").await.scans;
    assert_eq!(scans.len(), 1);
    assert_eq!(
        scans[0].received_at,
        "2026-06-02T00:00:00Z".parse().unwrap()
    );
    assert_eq!((scans[0].malware, scans[0].packages.len()), (0, 0));
    assert_eq!(scans[0].secrets, 0);
    assert_eq!(scans[0].findings, [finding("CVE-2026-1")]);

    let named = ledger.first_reported([&digest("img")]).await.unwrap();
    let first = "2026-06-01T00:00:00.25Z".parse().unwrap();
    assert!(named.len() == 2 && named.iter().all(|it| it.received_at == first));
    assert!(named.iter().all(|it| it.scope.covers_repository(&app())));
    let naming = async |id: &str| ledger.manifests_reporting(&[id.to_owned()]).await.unwrap();
    assert_eq!(naming("cve-2026-1").await, [digest("img")].into());
    assert_eq!(naming("GHSA-1").await, [digest("img")].into());
    assert!(naming("CVE-2025-9").await.is_empty(), "it was replaced");
}

/// What comes later meets the rows that the migration made.
#[tokio::test]
async fn what_comes_later_begins_nothing_anew() {
    let place = Place::new();
    old_ledger(&place).await;
    let ledger = place.serve().await;
    let mut later = scan("img", now());
    later.scope = scope();
    ledger.submit_scan(later).await.unwrap();
    let named = ledger.first_reported([&digest("img")]).await.unwrap();
    let ids: Vec<&str> = named.iter().map(|it| &*it.finding.id).collect();
    assert_eq!(ids, ["CVE-2025-9", "CVE-2026-1", "CVE-2026-2"]);
    assert_eq!(named[2].received_at, now());
}

#[tokio::test]
async fn a_command_does_not_migrate() {
    let place = Place::new();
    old_ledger(&place).await;
    let opened = place.open(LedgerAccess::Client).await;
    let told = opened.as_ref().err().map(ToString::to_string);
    let older = matches!(
        opened,
        Err(LedgerError::OlderSchema {
            found: 1,
            known: 2..
        })
    );
    assert!(older, "{told:?}");
}

/// As a program of the next release does it, while this one serves.
const NEXT: [&str; 4] = [
    "ALTER TABLE revocations ADD COLUMN of_the_next INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE tokens ADD COLUMN of_the_next TEXT",
    "CREATE TABLE of_the_next (n INTEGER PRIMARY KEY) STRICT",
    "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
     VALUES (9999, 'of the next', 1, x'00', 0)",
];

#[tokio::test]
async fn a_ledger_that_the_next_release_migrates_is_served_on_by_this_one() {
    let place = Place::new();
    let ledger = place.serve().await;
    let closure = image("img", &["base"]);
    ledger.record_closure(&app(), &closure).await.unwrap();
    for statement in NEXT {
        place.sql(statement).await;
    }
    ledger.revoke(revocation(digest("img"))).await.unwrap();
    ledger.create_token(token("later")).await.unwrap();
    ledger.submit_scan(scan("img", now())).await.unwrap();
    ledger.promote(promotion("img", Some("1"))).await.unwrap();
    // A change of a kind that only the next one knows reads everything anew.
    place
        .sql("INSERT INTO changes (kind, subject) VALUES ('of-the-next', 'x')")
        .await;
    ledger.follow_once(now()).await.unwrap();
    let found = evidence(&ledger, "img").await;
    assert_eq!((found.revocations.len(), found.scans.len()), (1, 1));
    ledger.load_once().await.unwrap();
}

/// It is refused with a plain word, before anything of it is touched.
#[tokio::test]
async fn a_ledger_of_the_next_release_is_refused_untouched() {
    let place = Place::new();
    place.serve().await.close().await;
    for statement in NEXT {
        place.sql(statement).await;
    }
    place.sql("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let file = place.file("data/ledger.db");
    let before = fs::read(&file).unwrap();
    for access in [LedgerAccess::Serve, LedgerAccess::Client] {
        let refused = place.open(access).await.err().unwrap();
        let newer = matches!(refused, LedgerError::NewerSchema { found: 9999, .. });
        assert!(newer, "{refused}");
        assert!(
            refused.to_string().contains("run a newer sekisho"),
            "{refused}"
        );
    }
    assert_eq!(fs::read(&file).unwrap(), before);
}
