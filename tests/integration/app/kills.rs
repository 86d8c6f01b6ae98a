//! The program is killed while evidence is written, again and again: what it acknowledged is
//! there afterwards, in the ledger and in the audit log.
//!
//! `SEKISHO_FAULT_ROUNDS=300` asks for more rounds than the suite takes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use sekisho::demo::DemoRegistry;
use sekisho::oci::Digest;
use sekisho::tasks::Tasks;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::served::Served;
use crate::kit::lab::{Ask, NAME, config, eventually, named};

/// Who write at once.
const WRITERS: usize = 4;

fn rounds() -> u64 {
    let asked = std::env::var("SEKISHO_FAULT_ROUNDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// Revokes one image after another, and tells of each that was acknowledged, until the program
/// is gone.
async fn revoke(served: (std::net::SocketAddr, String), from: u64, told: mpsc::Sender<Digest>) {
    let (admin, token) = served;
    for number in from.. {
        let digest = Digest::sha256(&number.to_be_bytes());
        let body = json!({"image": named(NAME, &digest), "reason": "leaks a key"});
        let ask = Ask::new(admin, "POST", "/api/v1/revocations").token(&token);
        // An answer that breaks off panics in a task of its own.
        let answer = tokio::spawn(ask.json(&body).send()).await;
        match answer.is_ok_and(|answer| answer.status == 200) {
            true if told.send(digest).await.is_ok() => {}
            _ => return,
        }
    }
}

/// The digests that the log tells of as revoked.
fn told_in_log(folder: &Path) -> BTreeSet<String> {
    let log = fs::read_to_string(folder.join("data/audit.jsonl")).unwrap_or_default();
    let records = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let revoked = records.filter(|record| record["act"] == "revoke");
    let digests = revoked.filter_map(|record| Some(record["digest"].as_str()?.to_owned()));
    digests.collect()
}

#[tokio::test]
async fn what_was_acknowledged_before_a_kill_is_there_after_it() {
    let (tasks, folder) = (Tasks::new(), tempfile::tempdir().unwrap());
    let registry = DemoRegistry::start(&tasks).await.unwrap();
    let file = folder.path().join("sekisho.toml");
    let listener = "[[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"production\"\n";
    let rest = "[environments.production]\n";
    fs::write(&file, config(&registry.origin(), listener, rest)).unwrap();
    let arguments = ["serve", "--config", file.to_str().unwrap()];
    let mut acknowledged: Vec<Digest> = Vec::new();
    for round in 0..rounds() {
        let mut served = Served::start(folder.path(), &arguments).await;
        let token = fs::read_to_string(folder.path().join("data/admin.token")).unwrap();
        let token = token.trim().to_owned();
        let (told, mut heard) = mpsc::channel(64);
        for writer in 0..WRITERS as u64 {
            let from = (round * WRITERS as u64 + writer) << 32;
            tokio::spawn(revoke((served.admin, token.clone()), from, told.clone()));
        }
        drop(told);
        // Another number of writes in each round, so that they fall at other moments.
        for _ in 0..5 + (round * 7) % 41 {
            acknowledged.push(heard.recv().await.expect("it goes on"));
        }
        served.signal("KILL");
        served.ended().await;
        while let Some(digest) = heard.recv().await {
            acknowledged.push(digest);
        }
    }
    let served = Served::start(folder.path(), &arguments).await;
    // What the log lacks is copied from the ledger.
    eventually("the log tells of all", || async {
        let told = told_in_log(folder.path());
        acknowledged
            .iter()
            .all(|digest| told.contains(&digest.to_string()))
    })
    .await;
    let token = fs::read_to_string(folder.path().join("data/admin.token")).unwrap();
    for digest in &acknowledged {
        let body = json!({"image": named(NAME, digest), "reason": "it stands"});
        let ask = Ask::new(served.admin, "POST", "/api/v1/revocations/reinstate");
        let stood = ask.token(token.trim()).json(&body).send().await.expect(200);
        assert_ne!(stood["ended"], 0, "{digest}: {stood}");
    }
    let log = folder.path().join("data/audit.jsonl");
    let found = sekisho::audit::check_log(&log, &[], |_, _| {}).unwrap();
    assert_eq!(found.faults, [], "{found:?}");
    drop(served);
    tasks.drain(std::time::Duration::ZERO).await;
}
