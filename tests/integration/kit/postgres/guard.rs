//! What becomes of the shared server when the test binary is gone, which drops nothing.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::Pid;

/// Waits at the other end of a pipe for the end of this process, whatever ends it; then
/// kills the server and removes its folder.
const SCRIPT: &str = "read -r _; kill -9 \"$1\" 2>/dev/null; \
    for _ in 1 2 3 4 5; do sleep 0.2; rm -rf \"$2\" 2>/dev/null && exit; done";

/// Until what it returns is dropped, or this process has ended.
pub fn watch(server: Pid, folder: &Path) -> Child {
    Command::new("sh")
        .args(["-c", SCRIPT, "watcher"])
        .arg(server.as_raw_nonzero().to_string())
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap()
}

/// The processes whose parent is `parent`.
pub fn children(parent: Pid) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let raw: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // pid (name) state ppid: a name may hold anything.
            let after = &stat[stat.rfind(')')? + 1..];
            let of: i32 = after.split_whitespace().nth(1)?.parse().ok()?;
            (of == parent.as_raw_nonzero().get()).then(|| Pid::from_raw(raw))?
        })
        .collect()
}
