//! More connections than the process may have files open.

use std::fs;
use std::process::Command;

use sekisho::demo::DemoRegistry;
use sekisho::tasks::Tasks;
use serde_json::json;
use tokio::net::TcpStream;

use super::served::Served;
use crate::kit::lab::{Ask, NAME, config, eventually, named, sample};

/// How many files the process may have open; without clients it has some forty.
const MOST: usize = 96;

/// How many it has; 0 where it lets nobody look.
fn open(served: &Served) -> usize {
    let folder = fs::read_dir(format!("/proc/{}/fd", served.id()));
    folder.map_or(0, Iterator::count)
}

#[tokio::test]
async fn more_connections_than_descriptors_leave_nothing_behind() {
    let (tasks, folder) = (Tasks::new(), tempfile::tempdir().unwrap());
    let registry = DemoRegistry::start(&tasks).await.unwrap();
    let file = folder.path().join("sekisho.toml");
    let listener = "[[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"production\"\n";
    let rest = "[environments.production]\n";
    fs::write(&file, config(&registry.origin(), listener, rest)).unwrap();
    let mut command = Command::new("sh");
    command.args([
        "-c",
        &format!("ulimit -n {MOST} && exec \"$0\" serve --config \"$1\""),
    ]);
    command.arg(env!("CARGO_BIN_EXE_sekisho")).arg(&file);
    let served = Served::of(&mut command, folder.path(), &folder.path().join("log")).await;
    let before = open(&served);
    let mut idle = Vec::new();
    for _ in 0..2 * MOST {
        idle.push(TcpStream::connect(served.registry).await.unwrap());
    }
    if before > 0 {
        eventually("none is left", || async { open(&served) + 2 >= MOST }).await;
    }
    drop(idle);
    let token = fs::read_to_string(folder.path().join("data/admin.token")).unwrap();
    let image = sample("crowd", "amd64");
    registry.put_image(NAME, &image);
    let body = json!({"image": named(NAME, &image.manifest.digest), "reason": "leaks a key"});
    let ask = Ask::new(served.admin, "POST", "/api/v1/revocations").token(token.trim());
    ask.json(&body).send().await.expect(200);
    let path = format!(
        "/v2/registry.example/{NAME}/manifests/{}",
        image.manifest.digest
    );
    let pulled = Ask::new(served.registry, "GET", &path).send().await;
    assert!(pulled.text().contains("revoked"), "{}", pulled.text());
    Ask::new(served.admin, "GET", "/readyz")
        .send()
        .await
        .expect(200);
    // A few connections to its stores may have been opened since.
    eventually("they are closed", || async { open(&served) <= before + 16 }).await;
    drop(served);
    tasks.drain(std::time::Duration::ZERO).await;
}
