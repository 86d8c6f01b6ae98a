//! A limit on memory, beyond which the kernel kills.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::rounds;
use super::site::Site;
use crate::lab::{Missing, as_root, or_skip};

/// In bytes. Small, for the program and what the kernel keeps of its files.
const LIMIT: u64 = 128 << 20;
const GROUPS: &str = "/sys/fs/cgroup";
/// Goes into the group, then becomes the program.
const ENTER: &str = "echo $$ > \"$0/cgroup.procs\" && exec \"$@\"";

/// A control group of this test alone, removed with the value.
struct Group {
    folder: PathBuf,
    /// Where it tells of kills.
    events: &'static str,
}

impl Group {
    fn of(limit: u64) -> Result<Self, Missing> {
        as_root()?;
        let name = format!("sekisho-test-{}", std::process::id());
        let of_first = Path::new(GROUPS).join("memory");
        let (parent, limits, events) = match of_first.exists() {
            true => (of_first, "memory.limit_in_bytes", "memory.oom_control"),
            false => (GROUPS.into(), "memory.max", "memory.events"),
        };
        let folder = parent.join(name);
        let made = fs::create_dir(&folder)
            .and_then(|()| fs::write(folder.join(limits), limit.to_string()));
        match made {
            Ok(()) => Ok(Self { folder, events }),
            Err(error) => Err(Missing::new(format!("no control group here: {error}"))),
        }
    }

    /// How many processes were killed for memory.
    fn kills(&self) -> u64 {
        let told = fs::read_to_string(self.folder.join(self.events)).unwrap();
        let kills = told.lines().find_map(|line| line.strip_prefix("oom_kill "));
        kills.unwrap().trim().parse().unwrap()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // What was killed a moment ago may still be there.
        for _ in 0..100 {
            match fs::remove_dir(&self.folder) {
                Err(_) if self.folder.exists() => {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                _ => return,
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_limit_on_memory_kills_nobody() {
    let group = or_skip!(Group::of(LIMIT));
    let enter = |_: &Path| {
        let mut command = Command::new("sh");
        command.args(["-c", ENTER]).arg(&group.folder);
        command.arg(env!("CARGO_BIN_EXE_sekisho"));
        command
    };
    let mut site = Site::start("", enter).await;
    for _ in 0..rounds() {
        site.work(10).await;
        site.strain().await;
        site.recovers().await;
        assert_eq!(group.kills(), 0, "{}", site.log());
    }
    site.served.signal("TERM");
    assert_eq!(site.served.ended().await, Some(0), "{}", site.log());
}
