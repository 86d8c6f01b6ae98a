//! Where PostgreSQL's programs are, and folders of the user that runs it: it refuses to
//! run as root.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::geteuid;

use crate::lab::{Missing, installed};

const RELEASES: &str = "/usr/lib/postgresql";
const SERVER_USER: &str = "postgres";

/// A program of the newest server that is installed.
pub fn program(name: &str) -> Result<PathBuf, Missing> {
    let releases = fs::read_dir(RELEASES).into_iter().flatten().flatten();
    let newest = releases
        .filter_map(|release| {
            let number: u32 = release.file_name().to_str()?.parse().ok()?;
            let file = release.path().join("bin").join(name);
            file.is_file().then_some((number, file))
        })
        .max();
    newest
        .map(|(_, file)| file)
        .ok_or_else(|| Missing::new("PostgreSQL's server is not installed"))
}

/// `program`, run by the user that PostgreSQL runs as.
pub fn as_server_user(program: &Path) -> Command {
    if !geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new(installed("setpriv").expect("setpriv is part of util-linux"));
    // A change of the user forgets the signal, so it is asked for once more.
    command
        .args(["--reuid", SERVER_USER, "--regid", SERVER_USER])
        .args(["--init-groups", "--pdeathsig", "KILL", "--"])
        .arg(program);
    command
}

/// Gives a file or folder to the user that PostgreSQL runs as, for nobody else's eyes.
pub fn give(path: &Path) {
    let mode = if path.is_dir() { 0o700 } else { 0o600 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    if let Some((user, group)) = server_ids() {
        chown(path, Some(user), Some(group)).unwrap();
    }
}

/// User and group; `None` where this process is that user already.
fn server_ids() -> Option<(u32, u32)> {
    if !geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let line = users
        .lines()
        .find(|line| line.split(':').next() == Some(SERVER_USER));
    let fields: Vec<&str> = line
        .expect("the package makes its user")
        .split(':')
        .collect();
    Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
}
