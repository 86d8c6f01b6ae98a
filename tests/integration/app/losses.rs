//! A ledger whose file is moved away, or is an older one: what was acknowledged is never
//! forgotten without a word.

use std::fs;
use std::path::Path;

use sekisho::demo::SampleImage;
use serde_json::{Value, json};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::kit::lab::{Answer, Lab, NAME, eventually};

async fn revoke(lab: &Lab, image: &SampleImage) -> Answer {
    let named = crate::kit::lab::named(NAME, &image.manifest.digest);
    let ask = lab.api("POST", "/api/v1/revocations");
    ask.json(&json!({"image": named, "reason": "leaks a key"}))
        .send()
        .await
}

async fn degraded(lab: &Lab) -> String {
    let ready = lab.nobody("GET", "/readyz").send().await.expect(200);
    ready["degraded"].to_string()
}

async fn is_revoked(lab: &Lab, image: &SampleImage) -> bool {
    let pulled = lab.pull(0, NAME, &image.manifest.digest.to_string()).await;
    pulled.text().contains("revoked")
}

fn acts(folder: &Path) -> Vec<Value> {
    let log = fs::read_to_string(folder.join("data/audit.jsonl")).unwrap_or_default();
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter(|line: &Value| line["record"] == "act")
        .collect()
}

fn has_act(lab: &Lab, act: &str) -> bool {
    acts(lab.folder.path())
        .iter()
        .any(|line| line["act"] == act)
}

#[tokio::test]
async fn a_ledger_that_was_moved_away_takes_nothing_in_until_it_is_back() {
    let lab = Lab::start().await;
    let [(first, _), (second, _)] = [lab.put(NAME, "1"), lab.put(NAME, "2")];
    revoke(&lab, &first).await.expect(200);
    let (here, away) = (lab.data().join("ledger.db"), lab.data().join("away.db"));
    fs::rename(&here, &away).unwrap();
    let (code, told) = revoke(&lab, &second).await.refusal(503);
    assert_eq!(code, "unavailable");
    assert!(told.contains("its file is gone"), "{told}");
    eventually("it is told", || async {
        degraded(&lab).await.contains("its file is gone")
    })
    .await;
    assert!(is_revoked(&lab, &first).await, "memory knows");
    fs::rename(&away, &here).unwrap();
    eventually("it is back", || async { degraded(&lab).await == "[]" }).await;
    revoke(&lab, &second).await.expect(200);
    let lab = lab.restarted().await;
    assert!(is_revoked(&lab, &first).await && is_revoked(&lab, &second).await);
    lab.stop().await;
}

#[tokio::test]
async fn an_older_copy_put_in_its_place_is_refused_until_the_loss_is_accepted() {
    let lab = Lab::start().await;
    let (image, _) = lab.put(NAME, "1");
    let copy = lab.folder.path().join("copy.db");
    lab.parts().ledger.backup(&copy).await.unwrap();
    revoke(&lab, &image).await.expect(200);
    eventually("the act is logged", || async { has_act(&lab, "revoke") }).await;
    fs::copy(&copy, lab.folder.path().join("again.db")).unwrap();
    fs::rename(&copy, lab.data().join("ledger.db")).unwrap();
    eventually("it is told", || async {
        degraded(&lab)
            .await
            .contains("another one lies in its place")
    })
    .await;
    revoke(&lab, &image).await.refusal(503);
    assert!(is_revoked(&lab, &image).await, "memory knows");
    let mut ended = lab.ended().await;
    for rest in ["ledger.db-wal", "ledger.db-shm"] {
        let _ = fs::remove_file(ended.data().join(rest));
    }
    fs::rename(
        ended.folder.path().join("again.db"),
        ended.data().join("ledger.db"),
    )
    .unwrap();
    // Also where the log was rotated since.
    let log = ended.data().join("audit.jsonl");
    for rotated in [None, Some("audit.jsonl.1")] {
        if let Some(name) = rotated {
            fs::rename(&log, ended.data().join(name)).unwrap();
        }
        let refused = ended.try_serve().await.unwrap_err().to_string();
        assert!(refused.contains("--accept-loss"), "{refused}");
        assert!(refused.contains("has come to change"), "{refused}");
    }
    ended.accept_loss = true;
    ended.serve().await;
    ended.looked("acts").await;
    let accepted = acts(ended.folder.path());
    let accepted: Vec<&Value> = accepted
        .iter()
        .filter(|it| it["act"] == "accept-loss")
        .collect();
    assert_eq!(accepted.len(), 1);
    ended.stop().await;
    // Accepted once, it is accepted; and the copy of before is another ledger now.
    ended.accept_loss = false;
    ended.serve().await;
    ended.stop().await;
}

#[tokio::test]
async fn another_ledger_and_none_are_refused_where_the_log_knows_one() {
    let lab = Lab::start().await;
    let (image, _) = lab.put(NAME, "1");
    revoke(&lab, &image).await.expect(200);
    eventually("the act is logged", || async { has_act(&lab, "revoke") }).await;
    let mut ended = lab.ended().await;
    let ledger = ended.data().join("ledger.db");
    for rest in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let _ = fs::remove_file(ended.data().join(rest));
    }
    let refused = ended.try_serve().await.unwrap_err().to_string();
    assert!(refused.contains("is not there"), "{refused}");
    assert!(!ledger.exists(), "none is made in its place");
    let log = ended.data().join("audit.jsonl");
    let aside = ended.folder.path().join("aside.jsonl");
    fs::rename(&log, &aside).unwrap();
    ended.serve().await;
    ended.stop().await;
    fs::rename(&aside, &log).unwrap();
    let refused = ended.try_serve().await.unwrap_err().to_string();
    assert!(refused.contains("another ledger"), "{refused}");
}

/// The file keeps its name and its place, and holds what it held long ago.
#[tokio::test]
async fn a_file_that_lost_its_newest_changes_is_not_believed() {
    let lab = Lab::start().await;
    let (image, _) = lab.put(NAME, "1");
    revoke(&lab, &image).await.expect(200);
    let path = lab.data().join("ledger.db");
    let options = SqliteConnectOptions::new().filename(&path);
    let mut beside = SqliteConnection::connect_with(&options).await.unwrap();
    for back in [
        "DELETE FROM revocations",
        "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'changes'",
    ] {
        sqlx::query(back).execute(&mut beside).await.unwrap();
    }
    eventually("it is told", || async {
        degraded(&lab).await.contains("an older one")
    })
    .await;
    assert!(is_revoked(&lab, &image).await, "memory knows");
    let (_, told) = revoke(&lab, &image).await.refusal(503);
    assert!(told.contains("an older one"), "{told}");
    lab.stop().await;
}
