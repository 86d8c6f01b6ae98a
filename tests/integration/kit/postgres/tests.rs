//! The kit itself: what it promises to the tests that use it.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::{PASSWORD, Postgres, Settings, Stop, USER};
use crate::lab::{Authority, Outcome, eventually, installed, or_skip, outcome};

const SOON: Duration = Duration::from_secs(60);

/// As a client of the network does it: by URL, with the user's own rights.
fn query(url: &str, sql: &str) -> Outcome {
    query_with(url, sql, "")
}

fn query_with(url: &str, sql: &str, password: &str) -> Outcome {
    let psql = installed("psql").unwrap();
    outcome(
        Command::new(psql)
            .env("PGPASSWORD", password)
            .args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet"])
            .args(["--command", sql, url]),
    )
}

#[test]
fn each_test_has_a_database_of_its_own() {
    let server = or_skip!(Postgres::shared());
    let (one, other) = (server.database(), server.database());
    query(&one.url(), "CREATE TABLE mine (n int)").expect_ok();
    assert_eq!(one.sql("SELECT count(*) FROM mine"), "0");
    query(&other.url(), "SELECT * FROM mine").expect_failure();
    let (name, url) = (one.name().to_owned(), one.url());
    drop(one);
    let text = query(&url, "SELECT 1").expect_failure();
    assert!(text.contains(&name), "{text}");
    let bare = format!(
        "postgres://{USER}@127.0.0.1:{}/{}",
        server.port(),
        other.name()
    );
    query(&bare, "SELECT 1").expect_failure();
    query_with(&bare, "SELECT 1", PASSWORD).expect_ok();
    let wrong = other
        .url()
        .replace(&format!("{USER}:"), &format!("{USER}:x"));
    query(&wrong, "SELECT 1").expect_failure();
}

/// The test above once more, in a binary of its own, with folders where only it has any.
#[test]
fn nothing_outlives_the_test_binary() {
    or_skip!(Postgres::shared());
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let name = "kit::postgres::tests::each_test_has_a_database_of_its_own";
    let mut binary = Command::new(env::current_exe().unwrap());
    binary.args(["--exact", name]).env("TMPDIR", place.path());
    let said = outcome(&mut binary).expect_ok();
    assert!(said.contains("1 passed"), "{said}");
    let mark = place.path().to_str().unwrap();
    eventually("an empty folder that no process names", SOON, || {
        let is_empty = fs::read_dir(place.path()).unwrap().next().is_none();
        (is_empty && !is_named_by_a_process(mark)).then_some(())
    });
}

fn is_named_by_a_process(mark: &str) -> bool {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .any(|line| String::from_utf8_lossy(&line).contains(mark))
}

#[test]
fn a_server_comes_back_with_what_it_acknowledged() {
    let mut server = or_skip!(Postgres::start());
    let url = {
        let database = server.database();
        let url = database.url();
        std::mem::forget(database);
        url
    };
    query(&url, "CREATE TABLE told (n int)").expect_ok();
    for (number, stop) in [
        Some(Stop::Smart),
        Some(Stop::Fast),
        Some(Stop::Immediate),
        None,
    ]
    .into_iter()
    .enumerate()
    {
        let insert = format!("INSERT INTO told VALUES ({number})");
        query(&url, &insert).expect_ok();
        match stop {
            Some(how) => server.stop(how),
            None => server.kill(),
        }
        query(&url, "SELECT 1").expect_failure();
        server.start_again();
        let count = query(&url, "SELECT count(*) FROM told").expect_ok();
        assert_eq!(
            count.trim(),
            (number + 1).to_string(),
            "after {stop:?}: {}",
            server.log()
        );
    }
    server.read_only(true);
    let text = eventually("a refused write", SOON, || {
        let refused = query(&url, "INSERT INTO told VALUES (9)");
        (!refused.ok()).then(|| refused.text())
    });
    assert!(text.contains("read-only"), "{text}");
    server.read_only(false);
    eventually("a write", SOON, || {
        let taken = query(&url, "INSERT INTO told VALUES (9)");
        taken.ok().then_some(())
    });
}

#[test]
fn a_frozen_server_answers_when_it_is_thawed_and_cut_connections_end() {
    let server = or_skip!(Postgres::start());
    let database = server.database();
    let url = database.url();
    server.freeze();
    let waiting = thread::spawn(move || query(&url, "SELECT 1"));
    // It holds as long as nothing wakes it; how long nobody waits here for.
    thread::yield_now();
    server.thaw();
    assert!(waiting.join().unwrap().ok());
    let url = database.url();
    let sleeping = thread::spawn(move || query(&url, "SELECT pg_sleep(600)"));
    let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' \
                  AND pid <> pg_backend_pid()";
    eventually("a query", SOON, || {
        (server.sql("postgres", sleeps) == "1").then_some(())
    });
    server.cut_connections();
    sleeping.join().unwrap().expect_failure();
}

#[test]
fn a_promoted_standby_has_everything_and_takes_writes() {
    let mut server = or_skip!(Postgres::start());
    let standby = server.synchronous_standby();
    let database = server.database();
    let name = database.name().to_owned();
    query(&database.url(), "CREATE TABLE told AS SELECT 1 AS n").expect_ok();
    assert!(standby.is_standby() && !server.is_standby());
    assert_ne!(standby.port(), server.port());
    query(&standby.url(&name), "INSERT INTO told VALUES (2)").expect_failure();
    std::mem::forget(database);
    server.kill();
    standby.promote();
    assert!(!standby.is_standby());
    query(&standby.url(&name), "INSERT INTO told VALUES (2)").expect_ok();
    assert_eq!(standby.sql(&name, "SELECT count(*) FROM told"), "2");
}

#[test]
fn a_server_under_tls_asks_for_it_and_for_certificates() {
    let authority = Authority::create();
    let settings = Settings::default().set("max_connections = 20");
    let server = or_skip!(Postgres::start_with(settings.tls(&authority)));
    let database = server.database();
    let root = authority.certificate();
    let checked = format!(
        "{}?sslmode=verify-full&sslrootcert={}",
        database.url(),
        root.display()
    );
    query(&checked, "SELECT 1").expect_ok();
    query(&format!("{}?sslmode=disable", database.url()), "SELECT 1").expect_failure();
    let other = Authority::create().certificate();
    let wrong = format!(
        "{}?sslmode=verify-full&sslrootcert={}",
        database.url(),
        other.display()
    );
    query(&wrong, "SELECT 1").expect_failure();

    let settings = Settings::default().client_certificates(&authority);
    let server = or_skip!(Postgres::start_with(settings));
    let database = server.database();
    let (certificate, key) = authority.client(USER);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let (certificate, key) = (certificate.display(), key.display());
    let shown = format!(
        "{}?sslmode=require&sslcert={certificate}&sslkey={key}",
        database.url()
    );
    query(&shown, "SELECT 1").expect_ok();
    query(&format!("{}?sslmode=require", database.url()), "SELECT 1").expect_failure();
}
