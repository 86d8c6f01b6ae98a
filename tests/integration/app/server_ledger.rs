//! The ledger on a server that fails: pulls of what is known go on, writes are refused with
//! the reason, and all comes back by itself.

use sekisho::ledger::{Ledger, LedgerAccess, LedgerOptions, NewRevocation};
use sekisho::oci::RepositoryGlobs;
use serde_json::json;
use tempfile::TempDir;

use crate::kit::lab::{Lab, NAME, eventually, trivy};
use crate::kit::postgres::{PASSWORD, Postgres, Stop, USER};
use crate::lab::or_skip;
use crate::ledger::server_location;

/// A gateway with its ledger in the database `trust` of a server.
async fn over(server: &Postgres) -> Lab {
    server.sql("postgres", "CREATE DATABASE trust OWNER sekisho");
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("password"), PASSWORD).unwrap();
    let ledger = format!(
        "[ledger]\nurl = \"postgres://{USER}@127.0.0.1:{}/trust\"\npassword_file = \"password\"\n",
        server.port()
    );
    Lab::over_ledger(folder, &ledger).await
}

#[tokio::test(flavor = "multi_thread")]
async fn known_images_are_pulled_while_the_server_of_the_ledger_is_down() {
    let mut server = or_skip!(Postgres::start());
    let lab = over(&server).await;
    let (image, named) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    lab.submit(&lab.token, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 200);
    server.stop(Stop::Immediate);
    for _ in 0..20 {
        assert_eq!(
            lab.pull(1, NAME, &digest).await.status,
            200,
            "no SQL is asked"
        );
    }
    let revoke = || {
        lab.api("POST", "/api/v1/revocations")
            .json(&json!({"image": named, "reason": "leaks a key"}))
            .send()
    };
    let refused = revoke().await;
    assert_eq!(refused.header("retry-after"), Some("1"));
    let (code, told) = refused.refusal(503);
    assert_eq!(code, "unavailable");
    assert!(told.contains("its server cannot be reached"), "{told}");
    let degraded =
        || async { lab.api("GET", "/readyz").send().await.expect(200)["degraded"].clone() };
    let is_told = || async { degraded().await.to_string().contains("cannot be reached") };
    eventually("it is told", is_told).await;
    server.start_again();
    eventually("it is well", || async { degraded().await == json!([]) }).await;
    revoke().await.expect(200);
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 403);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_elsewhere_is_in_force_here_and_its_lag_is_shown() {
    let server = or_skip!(Postgres::start());
    let lab = over(&server).await;
    let (image, named) = lab.put(NAME, "1");
    let digest = image.manifest.digest.clone();
    lab.submit(&lab.token, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    let pulled = async || lab.pull(1, NAME, &digest.to_string()).await.status;
    assert_eq!(pulled().await, 200);
    let password = lab.folder.path().join("password");
    let options = LedgerOptions::of(server_location(server.port(), "trust", &password));
    let now = jiff::Timestamp::now();
    let other = Ledger::open(options, LedgerAccess::Client, now)
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
    eventually("the pull is denied", || async { pulled().await == 403 }).await;
    let status = lab.api("GET", "/api/v1/status").send().await.expect(200);
    assert!(status["ledger"]["lag_ms"].is_u64(), "{status}");
    lab.stop().await;
}
