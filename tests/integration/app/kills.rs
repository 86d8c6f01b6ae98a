//! The program is killed while evidence is written, again and again: what it acknowledged is
//! there afterwards, in the ledger and in the audit log.
//!
//! `SEKISHO_FAULT_ROUNDS=300` asks for more rounds than the suite takes.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use sekisho::demo::DemoRegistry;
use sekisho::oci::Digest;
use sekisho::tasks::Tasks;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::served::Served;
use crate::faults::rounds;
use crate::kit::lab::{Ask, NAME, config, eventually, named};

/// Who write at once.
const WRITERS: usize = 4;
/// From this size on the log is put aside, in bytes.
const LOG_BYTES: u64 = 1 << 20;

/// Evidence that is written while the program is killed.
struct Writes {
    admin: SocketAddr,
    token: String,
    reason: &'static str,
}

/// Revokes one image after another, and tells of each that was acknowledged, until the program
/// is gone.
async fn revoke(writes: Arc<Writes>, from: u64, told: mpsc::Sender<Digest>) {
    for number in from.. {
        let digest = Digest::sha256(&number.to_be_bytes());
        let body = json!({"image": named(NAME, &digest), "reason": writes.reason});
        let ask = Ask::new(writes.admin, "POST", "/api/v1/revocations").token(&writes.token);
        match ask
            .json(&body)
            .attempt()
            .await
            .is_some_and(|answer| answer.status == 200)
        {
            true if told.send(digest).await.is_ok() => {}
            _ => return,
        }
    }
}

/// The file of the log that is written, and those that were put aside.
fn logs(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("data")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_log = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("audit.jsonl")
    };
    paths.filter(is_log).collect()
}

/// The digests that the log tells of as revoked.
fn told_in_log(folder: &Path) -> BTreeSet<String> {
    let texts = logs(folder)
        .into_iter()
        .map(|file| fs::read_to_string(file).unwrap());
    let log = texts.collect::<Vec<_>>().concat();
    let records = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let revoked = records.filter(|record| record["act"] == "revoke");
    let digests = revoked.filter_map(|record| Some(record["digest"].as_str()?.to_owned()));
    digests.collect()
}

/// Kills the program in each round once `is_due`, given the round, what was acknowledged in it
/// and the folder. All that was acknowledged is there in the end.
async fn kill_again_and_again(
    (keys, reason): (&str, &'static str),
    is_due: impl Fn(u64, u64, &Path) -> bool,
) {
    let (tasks, folder) = (Tasks::new(), tempfile::tempdir().unwrap());
    let registry = DemoRegistry::start(&tasks).await.unwrap();
    let file = folder.path().join("sekisho.toml");
    let listener = "[[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"production\"\n";
    let rest = format!("[environments.production]\n{keys}");
    fs::write(&file, config(&registry.origin(), listener, &rest)).unwrap();
    let arguments = ["serve", "--config", file.to_str().unwrap()];
    let mut acknowledged: Vec<Digest> = Vec::new();
    for round in 0..rounds() {
        let mut served = Served::start(folder.path(), &arguments).await;
        let mut heard = write(&served, folder.path(), (round, reason));
        for count in 0.. {
            if is_due(round, count, folder.path()) {
                break;
            }
            acknowledged.push(heard.recv().await.expect("it goes on"));
        }
        served.signal("KILL");
        served.ended().await;
        while let Some(digest) = heard.recv().await {
            acknowledged.push(digest);
        }
    }
    all_is_there(folder.path(), &acknowledged).await;
    tasks.drain(std::time::Duration::ZERO).await;
}

/// Begins to write; what is acknowledged is heard.
fn write(
    served: &Served,
    folder: &Path,
    (round, reason): (u64, &'static str),
) -> mpsc::Receiver<Digest> {
    let token = fs::read_to_string(folder.join("data/admin.token")).unwrap();
    let writes = Arc::new(Writes {
        admin: served.admin,
        token: token.trim().to_owned(),
        reason,
    });
    let (told, heard) = mpsc::channel(64);
    for writer in 0..WRITERS as u64 {
        let from = (round * WRITERS as u64 + writer) << 32;
        tokio::spawn(revoke(writes.clone(), from, told.clone()));
    }
    heard
}

async fn all_is_there(folder: &Path, acknowledged: &[Digest]) {
    let file = folder.join("sekisho.toml");
    let served = Served::start(folder, &["serve", "--config", file.to_str().unwrap()]).await;
    // What the log lacks is copied from the ledger.
    eventually("the log tells of all", || async {
        let told = told_in_log(folder);
        acknowledged
            .iter()
            .all(|digest| told.contains(&digest.to_string()))
    })
    .await;
    let token = fs::read_to_string(folder.join("data/admin.token")).unwrap();
    for digest in acknowledged {
        let body = json!({"image": named(NAME, digest), "reason": "it stands"});
        let ask = Ask::new(served.admin, "POST", "/api/v1/revocations/reinstate");
        let stood = ask.token(token.trim()).json(&body).send().await.expect(200);
        assert_ne!(stood["ended"], 0, "{digest}: {stood}");
    }
    let log = folder.join("data/audit.jsonl");
    let found = sekisho::audit::check_log(&log, &[], |_, _| {}).unwrap();
    assert_eq!(found.faults, [], "{found:?}");
}

#[tokio::test]
async fn what_was_acknowledged_before_a_kill_is_there_after_it() {
    // Another number of writes in each round, so that they fall at other moments.
    let is_due = |round: u64, count: u64, _: &Path| count >= 5 + (round * 7) % 41;
    kill_again_and_again(("", "leaks a key"), is_due).await;
}

/// The kill falls while the log is put aside, or a few records before or after that.
#[tokio::test]
async fn a_kill_while_the_log_is_put_aside_loses_nothing() {
    static LONG: LazyLock<String> = LazyLock::new(|| "鍵".repeat(1000));
    let is_due = |round: u64, _: u64, folder: &Path| {
        let open = fs::metadata(folder.join("data/audit.jsonl"));
        let size = open.map_or(0, |it| it.len());
        let aside = logs(folder).len() as u64;
        aside > round + 1 || size + (round % 5) * 4096 >= LOG_BYTES
    };
    let keys = format!("[audit]\nmax_size = \"{LOG_BYTES}B\"\n");
    kill_again_and_again((&keys, &LONG), is_due).await;
}
