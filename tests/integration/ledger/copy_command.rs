//! `sekisho ledger copy` against real servers: reached under TLS, killed, and cut off.

use std::path::Path;
use std::process::{Command, Stdio};

use sekisho::ledger::{CopyStage, copy_ledger};

use super::records::*;
use crate::cli::program::{Program, Run};
use crate::kit::postgres::{PASSWORD, Postgres, Settings, USER};
use crate::lab::{Authority, or_skip};

fn url(server: &Postgres, sslmode: &str) -> String {
    let port = server.port();
    format!("postgres://{USER}@127.0.0.1:{port}/trust?sslmode={sslmode}")
}

fn of_file(place: &Place) -> String {
    format!("sqlite://{}", place.file("data/ledger.db").display())
}

fn copy(words: &[(&str, &str)]) -> Run {
    let mut program = Program::new(&["ledger", "copy"]);
    for (flag, value) in words {
        program = program.arg(flag).arg(value);
    }
    program.run()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

async fn filled() -> Place {
    let place = Place::new();
    let ledger = place.serve().await;
    ledger.revoke(revocation(digest("bad"))).await.unwrap();
    ledger.close().await;
    place
}

fn make_database(server: &Postgres) {
    server.sql("postgres", &format!("CREATE DATABASE trust OWNER {USER}"));
}

/// From a file to a server that asks for a certificate, and on to one that asks for a password.
#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_moves_between_servers_that_are_reached_under_tls_as_the_flags_say() {
    let authority = Authority::create();
    let settings = Settings::default().client_certificates(&authority);
    let certified = or_skip!(Postgres::start_with(settings));
    let other = Authority::create();
    let settings = Settings::default().tls(&other);
    let encrypted = or_skip!(Postgres::start_with(settings));
    [&certified, &encrypted].into_iter().for_each(make_database);
    let (certificate, key) = authority.client(USER);
    let (ca, other_ca) = (authority.certificate(), other.certificate());
    let [certificate, key, ca, other_ca] = [&certificate, &key, &ca, &other_ca].map(|it| text(it));
    let file = filled().await;
    let password = file.file("password");
    std::fs::write(&password, PASSWORD).unwrap();

    let (from, first) = (of_file(&file), url(&certified, "verify-full"));
    let ends = [("--from", &*from), ("--to", &*first)];
    let shown = [("--to-certificate", certificate), ("--to-key", key)];
    for (more, code, told) in [
        (vec![], 1, "cannot be reached"),
        (
            vec![("--to-ca", other_ca), shown[0], shown[1]],
            1,
            "cannot be reached",
        ),
        (vec![("--to-ca", ca)], 1, "certificate"),
        (vec![("--to-ca", ca), shown[0]], 2, "--to-certificate"),
        (vec![("--from-ca", ca)], 2, "--from-ca"),
        (
            vec![("--ca", ca), shown[0], shown[1]],
            0,
            "copied and compared",
        ),
        (vec![("--ca", ca), shown[0], shown[1]], 1, "moved"),
    ] {
        let run = copy(&[&ends[..], &more].concat());
        assert_eq!(run.code, code, "{more:?}: {run:?}");
        assert!(run.stderr.contains(told), "{more:?}: {run:?}");
    }
    let second = url(&encrypted, "verify-ca");
    let run = copy(&[
        ("--from", &first),
        ("--from-ca", ca),
        ("--from-certificate", certificate),
        ("--from-key", key),
        ("--to", &second),
        ("--to-ca", other_ca),
        ("--to-password-file", text(&password)),
    ]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(
        encrypted.sql("trust", "SELECT count(*) FROM revocations"),
        "1"
    );
    let plain = url(&encrypted, "disable");
    let run = copy(&[("--from", &plain), ("--from-ca", other_ca), ("--to", &from)]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("--from has no TLS"), "{run:?}");
}

/// Rows that take a while.
const MANY: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) \
    INSERT INTO facts SELECT 'production', 'registry.corp/app', \
    'sha256:' || printf('%064x', i), i, i, i, i, i FROM n";
/// Whether a copy has begun to read or to write this server's ledger.
const IS_HELD: &str = "SELECT count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' \
    AND relation = to_regclass('identity')";

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_killed_is_made_by_the_next_and_loses_nothing() {
    let server = or_skip!(Postgres::start());
    make_database(&server);
    let (file, back) = (filled().await, Place::new());
    file.sql(MANY).await;
    let password = file.file("password");
    std::fs::write(&password, PASSWORD).unwrap();
    let (at_file, at_server, at_end) = (of_file(&file), url(&server, "disable"), of_file(&back));
    for (from, to, side) in [
        (&at_file, &at_server, "--to-password-file"),
        (&at_server, &at_end, "--from-password-file"),
    ] {
        let mut killed = Command::new(env!("CARGO_BIN_EXE_sekisho"))
            .args([
                "ledger",
                "copy",
                "--from",
                from,
                "--to",
                to,
                side,
                text(&password),
            ])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while server.sql("trust", IS_HELD) != "1" {
            assert!(killed.try_wait().unwrap().is_none(), "it was too quick");
        }
        killed.kill().unwrap();
        killed.wait().unwrap();
        let run = copy(&[("--from", from), ("--to", to), (side, text(&password))]);
        assert_eq!(run.code, 0, "{run:?}");
    }
    let ledger = back.serve().await;
    assert!(ledger.index().is_revoked(&digest("bad")));
    assert_eq!(
        back.text("SELECT CAST(count(*) AS TEXT) FROM facts").await,
        "100000"
    );
}

/// At the moment when all of it is compared, and only the end is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_whose_source_is_lost_at_its_end_leaves_the_target_empty() {
    let server = or_skip!(Postgres::start());
    make_database(&server);
    let (folder, target) = (Place::new(), Place::new());
    let source = server_location(server.port(), "trust", &folder.file("password"));
    let file = filled().await;
    copy_ledger(&file.location(), &source, |_| {})
        .await
        .unwrap();
    let to = target.location();
    let cut = copy_ledger(&source, &to, |progress| {
        if progress.stage == CopyStage::Verifying && progress.rows == progress.of {
            server.cut_connections();
        }
    });
    cut.await.unwrap_err();
    // Neither is marked, and nothing is there twice.
    copy_ledger(&source, &target.location(), |_| {})
        .await
        .unwrap();
    assert!(target.serve().await.index().is_revoked(&digest("bad")));
}
