//! Limits of the process that are reached: the size of a file, and how many it has open.

use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use super::rounds;
use super::site::Site;
use crate::lab::{as_root, or_skip};

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
