//! Limits of the process that are reached: the size of a file, and how many it has open.

use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use super::rounds;
use super::site::Site;
use crate::kit::lab::{Ask, eventually};
use crate::lab::{as_root, or_skip, outcome};

/// A limit of the program; it is put back when this goes away.
pub struct Lowered {
    process: Pid,
    resource: Resource,
    before: Rlimit,
}

impl Lowered {
    pub fn to(site: &Site, resource: Resource, most: u64) -> Self {
        let process = Pid::from_raw(i32::try_from(site.served.id()).unwrap()).unwrap();
        let lowered = Rlimit {
            current: Some(most),
            // What the program inherited: to raise that again takes a right of its own.
            maximum: getrlimit(resource).maximum,
        };
        Self {
            process,
            resource,
            before: prlimit(Some(process), resource, lowered).unwrap(),
        }
    }
}

impl Drop for Lowered {
    fn drop(&mut self) {
        let restored = prlimit(Some(self.process), self.resource, self.before);
        // A panic is on its way where the program is gone.
        assert!(restored.is_ok() || std::thread::panicking(), "{restored:?}");
    }
}

fn program(_: &Path) -> Command {
    Command::new(env!("CARGO_BIN_EXE_sekisho"))
}

async fn goes_through(resource: Resource, most: impl Fn(&Site) -> u64) {
    let mut site = Site::start("", program).await;
    for round in 0..rounds() {
        site.work(round % 3).await;
        let lowered = Lowered::to(&site, resource, most(&site));
        site.work(3).await;
        drop(lowered);
        site.recovers().await;
    }
    site.served.signal("TERM");
    assert_eq!(site.served.ended().await, Some(0), "{}", site.log());
}

/// As with `LimitFSIZE` of systemd.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_on_file_sizes_that_is_reached_loses_nothing() {
    or_skip!(as_root());
    goes_through(Resource::Fsize, |_| 4096).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_without_a_free_descriptor_loses_nothing() {
    or_skip!(as_root());
    // Those that are open stay, and no more than two come.
    goes_through(Resource::Nofile, |site| {
        site.weight().descriptors as u64 + 2
    })
    .await;
}

/// What is wrong and what to do about it, where somebody looks.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_on_file_sizes_is_told_with_the_next_step() {
    or_skip!(as_root());
    let site = Site::start("", program).await;
    let lowered = Lowered::to(&site, Resource::Fsize, 4096);
    let is_told = || async {
        site.work(1).await;
        let asked = Ask::new(site.served.admin, "GET", "/readyz").attempt();
        let degraded = asked.await.map(|it| it.value()["degraded"].to_string());
        degraded.is_some_and(|told| {
            let ledger = told.contains("ledger") && told.contains("a limit on file sizes");
            ledger && told.contains("raise the quota or the limit")
        })
    };
    eventually("it is told", is_told).await;
    drop(lowered);
    site.recovers().await;
}

/// The file, why, and what to do.
#[test]
fn a_limit_on_file_sizes_at_the_start_is_told_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sekisho.toml");
    std::fs::write(&file, "data_dir = \"data\"\n").unwrap();
    // In blocks of 512 bytes.
    let limit = "ulimit -f 8 && exec \"$0\" serve --config \"$1\"";
    let mut command = Command::new("sh");
    command.args(["-c", limit, env!("CARGO_BIN_EXE_sekisho")]);
    let ended = outcome(command.arg(&file).env_remove("SEKISHO_CONFIG"));
    let said = ended.expect_failure();
    let ledger = folder.path().join("data/ledger.db");
    for words in [
        ledger.to_str().unwrap(),
        "a limit on file sizes",
        "raise the quota or the limit",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}
