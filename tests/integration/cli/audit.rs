//! `sekisho audit verify`.

use std::fs;

use sekisho::oci::Digest;
use serde_json::{Value, json};

use super::program::{Program, Run};
use crate::kit::lab::{Lab, NAME, eventually};

async fn verify(lab: &Lab, more: &[&str]) -> (i32, Value) {
    let mut program = Program::new(&["audit", "verify", "--output", "json"])
        .arg(lab.folder.path().join("data/audit.jsonl"))
        .env("SEKISHO_SERVER", &lab.server())
        .env("SEKISHO_TOKEN", &lab.token);
    for argument in more {
        program = program.arg(argument);
    }
    let run: Run = tokio::task::spawn_blocking(|| program.run()).await.unwrap();
    let answer = serde_json::from_str(&run.stdout);
    (run.code, answer.unwrap_or_else(|_| panic!("{run:?}")))
}

/// The ledger notes the end by itself.
async fn sealed(lab: &Lab, line: u64) {
    eventually("the ledger knows the end", || async {
        let seals = lab
            .api("GET", "/api/v1/audit/seals")
            .send()
            .await
            .expect(200);
        seals["seals"][0]["line"].as_u64() >= Some(line)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_tampered_with_is_told_by_line() {
    let lab = Lab::start().await;
    lab.put(NAME, "1");
    assert_eq!(lab.pull(1, NAME, "1").await.status, 403);
    sealed(&lab, 2).await;
    let (code, whole) = verify(&lab, &[]).await;
    assert_eq!((code, &whole["sound"]), (0, &json!(true)), "{whole}");
    assert_eq!(whole["compared_with_ledger"], true, "{whole}");

    let path = lab.folder.path().join("data/audit.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    fs::write(&path, format!("{}\n", lines[0])).unwrap();
    let (code, cut) = verify(&lab, &[]).await;
    assert_eq!(code, 1, "{cut}");
    assert!(
        cut["faults"][0]
            .as_str()
            .unwrap()
            .contains("the ledger knows line"),
        "{cut}"
    );
    let (code, offline) = verify(&lab, &["--offline"]).await;
    assert_eq!((code, &offline["compared_with_ledger"]), (0, &json!(false)));

    fs::write(
        &path,
        text.replacen("\"principal\":\"", "\"principal\":\"x", 1),
    )
    .unwrap();
    let (code, changed) = verify(&lab, &["--offline"]).await;
    assert_eq!(code, 1, "{changed}");
    assert!(
        changed["faults"][0]
            .as_str()
            .unwrap()
            .contains("was changed"),
        "{changed}"
    );

    fs::write(&path, "").unwrap();
    let (code, lost) = verify(&lab, &[]).await;
    assert_eq!(code, 1, "{lost}");
    let fault = lost["faults"][0].as_str().unwrap();
    assert!(fault.starts_with("nothing is left of the log"), "{lost}");
    lab.stop().await;
}

/// The chain has no key: who may write the file may go on with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_was_appended_while_nobody_served_is_told_for_good() {
    let lab = Lab::start().await;
    lab.put(NAME, "1");
    assert_eq!(lab.pull(1, NAME, "1").await.status, 403);
    sealed(&lab, 2).await;
    let token = lab.token.clone();
    let mut ended = lab.ended().await;
    let path = ended.data().join("audit.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let last = text.lines().next_back().unwrap();
    let mut forged: Value = serde_json::from_str(last).unwrap();
    let line = forged["chain"]["line"].as_u64().unwrap() + 1;
    let prev = Digest::sha256(last.as_bytes()).to_string();
    forged["chain"]["line"] = line.into();
    forged["chain"]["prev"] = prev.trim_start_matches("sha256:").into();
    let told = format!(
        "lines {line} to {line} of the log {}",
        forged["chain"]["log"].as_str().unwrap()
    );
    fs::write(&path, format!("{text}{forged}\n")).unwrap();
    for _ in 0..2 {
        ended.serve().await;
        let server = format!("http://{}", ended.app().admin());
        let program = Program::new(&["audit", "verify", "--output", "json"])
            .arg(&path)
            .env("SEKISHO_SERVER", &server)
            .env("SEKISHO_TOKEN", &token);
        let mut told_by = None;
        let run = tokio::task::spawn_blocking(|| program.run()).await.unwrap();
        let answer: Value = serde_json::from_str(&run.stdout).unwrap();
        // The new log may not have begun yet, and then the old one is the last.
        if fs::read_to_string(&path).unwrap().lines().count() as u64 > line {
            told_by = Some(answer["unsealed"][0].clone());
        }
        assert_eq!(answer["fault_count"], 0, "{answer}");
        assert!(told_by.is_none_or(|it| it == told.as_str()), "{answer}");
        ended.stop().await;
    }
    let log = fs::read_to_string(&path).unwrap();
    assert!(
        log.lines().count() as u64 > line,
        "something was written since"
    );
}
