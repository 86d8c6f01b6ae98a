//! Gateways over one database on a server of the drill's own.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::kit::lab::{Answer, ENVIRONMENTS, LISTENERS, Lab, trivy};
use crate::kit::postgres::{Database, PASSWORD, Postgres, USER};

/// A busy machine takes its time; whoever waits longer waits in vain.
const PATIENCE: Duration = Duration::from_secs(90);

/// A gateway over the database `trust` on these servers, the primary among them.
pub async fn gateway(servers: &[&Postgres], more: &str) -> Lab {
    let addresses: Vec<String> = servers
        .iter()
        .map(|server| format!("127.0.0.1:{}", server.port()))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), PASSWORD).unwrap();
    let ledger = format!(
        "[ledger]\nurl = \"postgres://{USER}@{}/trust\"\npassword_file = \"password\"\n{more}\n",
        addresses.join(",")
    );
    Lab::inside(folder, LISTENERS, &format!("{ENVIRONMENTS}{ledger}")).await
}

/// Gateways over this database of the server that tests share.
pub async fn replicas(database: &Database<'_>, count: usize, more: &str) -> Vec<Lab> {
    let mut replicas = Vec::new();
    for _ in 0..count {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("password"), PASSWORD).unwrap();
        let port = Postgres::shared().unwrap().port();
        let name = database.name();
        let ledger = format!(
            "[ledger]\nurl = \"postgres://{USER}@127.0.0.1:{port}/{name}\"\n\
             password_file = \"password\"\n{more}\n"
        );
        replicas.push(Lab::over_ledger(folder, &ledger).await);
    }
    replicas
}

pub fn make_database(server: &Postgres) {
    let make = format!("CREATE DATABASE trust OWNER {USER}");
    server.sql("postgres", &make);
}

/// Asks until it is so.
pub async fn sooner_or_later<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let end = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < end, "never: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// An image that is scanned and promoted at that gateway: its name in full.
pub async fn admitted(lab: &Lab, name: &str) -> String {
    let (image, named) = lab.put(name, "1");
    let report = trivy(&image, &[]);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    let body = json!({"image": named, "environment": "production"});
    lab.promote(&lab.token, body).await.expect(200);
    named
}

pub async fn pull(lab: &Lab, named: &str) -> Answer {
    let (name, digest) = named["registry.example/".len()..].split_once('@').unwrap();
    lab.pull(0, name, digest).await
}

pub async fn revoke(lab: &Lab, named: &str) -> Answer {
    let body = json!({"image": named, "reason": "leaks a key"});
    lab.api("POST", "/api/v1/revocations")
        .json(&body)
        .send()
        .await
}

pub async fn is_revoked(lab: &Lab, named: &str) -> bool {
    let pulled = pull(lab, named).await;
    pulled.status == 403 && pulled.text().contains("revoked")
}

pub async fn ready(lab: &Lab) -> Answer {
    lab.nobody("GET", "/readyz").send().await
}
