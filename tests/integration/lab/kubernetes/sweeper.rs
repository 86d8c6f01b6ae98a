//! Cleans up behind the parts of a folder when the test ends, however it ends.
//!
//! Containers and their shims outlive the containerd that started them, mounts
//! outlive both, and a value that tests share is never dropped. So a small shell
//! waits for the end of its input, which comes with the drop and with the death of
//! the process alike.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const SCRIPT: &str = r#"
cat >/dev/null
for folder do
    for process in $(grep -l '^containerd-shim$' /proc/[0-9]*/comm); do
        process=${process%/comm}
        grep -q "$folder/" "$process/cmdline" || continue
        kill -KILL $(cat "$process"/task/*/children) "${process#/proc/}"
    done
    cut -d' ' -f5 /proc/self/mountinfo | grep "^$folder/" | sort -r | while read -r mount; do
        umount -l "$mount"
    done
    rm -rf "$folder"
done
"#;

#[derive(Debug)]
pub struct Sweeper(Child);

impl Sweeper {
    /// Ends the containers below each folder, unmounts what is in it and removes it,
    /// once dropped. Declare it behind the parts that use the folders.
    pub fn over(folders: &[&Path]) -> Self {
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "sweeper"])
            .args(folders)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        Self(shell)
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
