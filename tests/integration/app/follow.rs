//! What other processes write straight to the ledger.

use std::time::Duration;

use jiff::Timestamp;
use sekisho::ledger::{Ledger, LedgerAccess, LedgerOptions, NewRevocation};
use sekisho::oci::RepositoryGlobs;

use crate::cli::program::Program;
use crate::kit::lab::{Lab, NAME, eventually, trivy};

/// A second, and another for a machine that is busy.
const SOON: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_revocation_of_another_process_is_followed_within_a_second() {
    let lab = Lab::start().await;
    let (image, named) = lab.put(NAME, "1");
    let digest = image.manifest.digest.clone();
    let pulled = async || lab.pull(1, NAME, &digest.to_string()).await.status;
    lab.submit(&lab.token, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    assert_eq!(pulled().await, 200);
    let file = lab.folder.path().join("data/ledger.db");
    let now = Timestamp::now();
    let other = Ledger::open(LedgerOptions::at(&file), LedgerAccess::Client, now)
        .await
        .unwrap();
    let revocation = NewRevocation {
        digest: digest.clone(),
        environment: None,
        repositories: RepositoryGlobs::none(),
        revoker: "other".to_owned(),
        revoked_at: now,
        reason: "leaks a key".to_owned(),
    };
    other.revoke(revocation).await.unwrap();
    let written = std::time::Instant::now();
    eventually("the pull is denied", || async { pulled().await == 403 }).await;
    assert!(written.elapsed() < SOON, "{:?}", written.elapsed());
    other.close().await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_process_is_known_within_a_second() {
    let lab = Lab::start().await;
    let program = Program::new(&["token", "create", "--name", "ci", "--role", "viewer"]);
    let program = program.arg("--output").arg("json").config(&lab.file());
    let run = tokio::task::spawn_blocking(|| program.run()).await.unwrap();
    assert_eq!(run.code, 0, "{run:?}");
    let written = std::time::Instant::now();
    let made: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let token = made["secret"].as_str().unwrap();
    let status = async || {
        let ask = lab.nobody("GET", "/api/v1/status").token(token);
        ask.send().await.status
    };
    eventually("the token is known", || async { status().await == 200 }).await;
    assert!(written.elapsed() < SOON, "{:?}", written.elapsed());
    lab.stop().await;
}
