//! Ledgers and audit logs of every release, which this program opens, judges and explains.
//!
//! `RECORD_RELEASE=1 cargo test --test integration app::releases` writes those of this
//! version to `tests/fixtures/releases/VERSION`, where there are none yet.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;

use crate::faults::rounds;
use crate::kit::lab::{ENVIRONMENTS, LISTENERS, Lab, config, eventually, trivy};

/// Scans of long ago count.
const PATIENT: &str = "
[environments.production]
max_report_age = \"36500d\"
[environments.staging]
require = [\"scan\"]
max_report_age = \"36500d\"
";

fn releases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/releases")
}

fn open(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path)
}

async fn acknowledged(lab: &Lab, path: &str, body: Value) -> Value {
    let ask = lab.api("POST", &format!("/api/v1/{path}")).json(&body);
    ask.send().await.expect(200)
}

/// One of everything that a ledger of the first release holds.
async fn a_life(lab: &Lab) -> Value {
    let mut names = Vec::new();
    for (name, severities) in [
        ("team/good", &[][..]),
        ("team/revoked", &[]),
        ("team/reinstated", &[]),
        ("team/severe", &["CRITICAL"]),
        ("team/let-through", &["HIGH"]),
    ] {
        let (image, named) = lab.put(name, "1");
        let report = trivy(&image, severities);
        lab.submit(&lab.token, &named, &report).await.expect(200);
        let force = !severities.is_empty();
        let promotion =
            json!({"image": named, "environment": "production", "force": force, "reason": "r"});
        lab.promote(&lab.token, promotion).await.expect(200);
        names.push(named);
    }
    let [good, revoked, reinstated, severe, let_through] = &names[..] else {
        unreachable!("five were put")
    };
    let (_, unscanned) = lab.put("team/unscanned", "1");
    for image in [revoked, reinstated] {
        let body = json!({"image": image, "reason": "leaks a key"});
        acknowledged(lab, "revocations", body).await;
    }
    let body = json!({"image": reinstated, "reason": "false alarm"});
    acknowledged(lab, "revocations/reinstate", body).await;
    let ticket = json!({"image": let_through, "environment": "production", "hours": 2,
        "ticket": "OPS-1", "reason": "the shop is down"});
    acknowledged(lab, "break-glass", ticket).await;
    let mode = json!({"environment": "staging", "mode": "warn", "hours": 4, "ticket": "OPS-2"});
    acknowledged(lab, "modes", mode).await;
    let token =
        json!({"name": "ci-team", "role": "scanner", "repositories": ["registry.example/team/*"]});
    lab.token(token).await;
    lab.token(json!({"name": "stolen", "role": "scanner"}))
        .await;
    let ended = lab.api("DELETE", "/api/v1/tokens/stolen");
    ended.send().await.expect(200);
    for named in [good, revoked, reinstated, severe, let_through, &unscanned] {
        let (name, digest) = named["registry.example/".len()..].split_once('@').unwrap();
        lab.pull(0, name, digest).await;
    }
    json!({
        "admitted": [good, reinstated],
        "revoked": [revoked],
        "too-severe": [severe],
        "tokens": ["ci-team", "stolen"],
    })
}

/// Every statement that makes the database anew.
async fn dump(database: &Path) -> String {
    let mut sql = SqliteConnection::connect_with(&open(database))
        .await
        .unwrap();
    let made: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL \
         ORDER BY type = 'index', rowid",
    )
    .fetch_all(&mut sql)
    .await
    .unwrap();
    let mut text = "PRAGMA foreign_keys = OFF;\nBEGIN;\n".to_owned();
    for (_, name, made) in made.iter().filter(|(_, name, _)| name != "sqlite_sequence") {
        text += &format!("{made};\n");
        if made.starts_with("CREATE TABLE") {
            text += &rows(&mut sql, name).await;
        }
    }
    text += "DELETE FROM sqlite_sequence;\n";
    text += &rows(&mut sql, "sqlite_sequence").await;
    sql.close().await.unwrap();
    text + "COMMIT;\n"
}

async fn rows(sql: &mut SqliteConnection, table: &str) -> String {
    let columns = format!("SELECT name FROM pragma_table_info('{table}') ORDER BY cid");
    let columns: Vec<String> = sqlx::query_scalar(AssertSqlSafe(columns))
        .fetch_all(&mut *sql)
        .await
        .unwrap();
    let quoted: Vec<String> = columns
        .iter()
        .map(|it| format!("quote(\"{it}\")"))
        .collect();
    let all = format!("SELECT {} FROM \"{table}\"", quoted.join(" || ', ' || "));
    let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(all))
        .fetch_all(sql)
        .await
        .unwrap();
    rows.iter()
        .map(|row| format!("INSERT INTO \"{table}\" VALUES ({row});\n"))
        .collect()
}

#[tokio::test]
async fn a_ledger_of_this_version_is_kept_or_can_be() {
    let lab = Lab::with(LISTENERS, ENVIRONMENTS).await;
    let expected = a_life(&lab).await;
    eventually("decisions are recorded", || async {
        let list = lab.api("GET", "/api/v1/decisions").send().await.expect(200);
        list["decisions"].as_array().unwrap().len() == 6
    })
    .await;
    let ended = lab.ended().await;
    let text = dump(&ended.data().join("ledger.db")).await;
    assert!(text.contains("INSERT INTO \"revocations\""), "{text}");
    let folder = releases().join(env!("CARGO_PKG_VERSION"));
    if std::env::var_os("RECORD_RELEASE").is_none() || folder.exists() {
        return;
    }
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("ledger.sql"), text).unwrap();
    fs::copy(ended.data().join("audit.jsonl"), folder.join("audit.jsonl")).unwrap();
    let expected = serde_json::to_string_pretty(&expected).unwrap();
    fs::write(folder.join("expected.json"), expected + "\n").unwrap();
}

/// The folder of a program of that release.
async fn left_by(release: &Path) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let database = open(&data.join("ledger.db")).create_if_missing(true);
    let mut sql = SqliteConnection::connect_with(&database).await.unwrap();
    let text = fs::read_to_string(release.join("ledger.sql")).unwrap();
    sqlx::raw_sql(AssertSqlSafe(text))
        .execute(&mut sql)
        .await
        .unwrap();
    sql.close().await.unwrap();
    fs::copy(release.join("audit.jsonl"), data.join("audit.jsonl")).unwrap();
    folder
}

/// A program of this version over what a release left.
async fn opened(release: &Path) -> Lab {
    Lab::inside(left_by(release).await, LISTENERS, PATIENT).await
}

fn list(value: &Value) -> Vec<&str> {
    let list = value.as_array().unwrap().iter();
    list.map(|it| it.as_str().unwrap()).collect()
}

async fn is_judged_as_then(lab: &Lab, expected: &Value) {
    for image in list(&expected["admitted"]) {
        let verdict = lab.verdict(image, "production").await;
        assert_eq!(verdict["allowed"], true, "{verdict:#}");
    }
    for reason in ["revoked", "too-severe"] {
        for image in list(&expected[reason]) {
            let verdict = lab.verdict(image, "production").await;
            assert_eq!(verdict["allowed"], false, "{verdict:#}");
            assert!(
                verdict["reasons"].to_string().contains(reason),
                "{verdict:#}"
            );
        }
    }
    let (_, unscanned) = lab.put("team/unscanned", "1");
    let verdict = lab.verdict(&unscanned, "production").await;
    assert_eq!(
        verdict["reasons"][0]["reason"], "not-scanned",
        "{verdict:#}"
    );
    let tokens = lab.api("GET", "/api/v1/tokens").send().await.expect(200);
    for name in list(&expected["tokens"]) {
        assert!(
            tokens.to_string().contains(&format!("\"{name}\"")),
            "{tokens:#}"
        );
    }
}

/// What was decided, and what was done, can still be read one by one.
async fn is_explained(lab: &Lab, log: &str) {
    let list = lab.api("GET", "/api/v1/decisions?limit=1000").send().await;
    let decisions = list.expect(200)["decisions"].as_array().unwrap().clone();
    assert!(decisions.len() >= 6, "{decisions:#?}");
    for decision in decisions {
        let path = format!("/api/v1/decisions/{}", decision["id"].as_str().unwrap());
        lab.api("GET", &path).send().await.expect(200);
    }
    let acts = lab.api("GET", "/api/v1/acts?limit=1000").send().await;
    let acts = acts.expect(200).to_string();
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    for line in lines.filter(|line: &Value| line["record"] == "act") {
        assert!(
            acts.contains(&format!("\"{}\"", line["id"].as_str().unwrap())),
            "{line}"
        );
    }
}

#[tokio::test]
async fn every_release_is_opened_judged_and_explained() {
    let kept: Vec<PathBuf> = fs::read_dir(releases())
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    assert!(!kept.is_empty());
    for release in kept {
        let lab = opened(&release).await;
        let expected = fs::read(release.join("expected.json")).unwrap();
        let expected = serde_json::from_slice(&expected).unwrap();
        let log = fs::read_to_string(release.join("audit.jsonl")).unwrap();
        is_judged_as_then(&lab, &expected).await;
        is_explained(&lab, &log).await;
        // And once more, now that the schema is this program's.
        let lab = lab.restarted().await;
        is_judged_as_then(&lab, &expected).await;
        lab.stop().await;
    }
}

/// Starts the program, and kills it once the ledger has so many more pages, or it listens.
async fn killed_after(folder: &Path, pages: u64) {
    let (file, log) = (folder.join("sekisho.toml"), folder.join("log"));
    fs::write(&file, config("http://127.0.0.1:9", LISTENERS, PATIENT)).unwrap();
    let written = || {
        let wal = fs::metadata(folder.join("data/ledger.db-wal"));
        wal.map_or(0, |it| it.len()) / 4096
    };
    let before = written();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
    command.arg("serve").arg("--config").arg(&file);
    command.env("HOME", folder).stdin(Stdio::null());
    command.stderr(fs::File::create(&log).unwrap());
    let mut program = command.spawn().unwrap();
    while written() < before + pages && !fs::read_to_string(&log).unwrap().contains("listens") {
        tokio::time::sleep(std::time::Duration::from_micros(100)).await;
    }
    program.kill().unwrap();
    program.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_migrations_loses_nothing() {
    let release = releases().join("0.1.0");
    let expected = fs::read(release.join("expected.json")).unwrap();
    let expected = serde_json::from_slice(&expected).unwrap();
    let log = fs::read_to_string(release.join("audit.jsonl")).unwrap();
    for round in 0..rounds() {
        let folder = left_by(&release).await;
        for kill in 0..3 {
            killed_after(folder.path(), (1 + round * 17 + kill * 11) % 120).await;
        }
        let lab = Lab::inside(folder, LISTENERS, PATIENT).await;
        is_judged_as_then(&lab, &expected).await;
        is_explained(&lab, &log).await;
        lab.stop().await;
    }
}
