//! Where files lie in the program's Pod.

use std::path::{Component, Path, PathBuf};

use crate::kubernetes::objects::Workload;

/// Where the program finds its configuration; relative paths in it begin here.
pub(super) const CONFIG_FOLDER: &str = "/etc/sekisho";
/// Folders beside the configuration, which others fill.
pub(super) const FILLED_FOLDERS: [&str; 3] = ["exceptions", "advisories", "secrets"];
/// What each Pod is given of its account.
const ACCOUNT_FOLDER: &str = "/var/run/secrets/kubernetes.io";
/// What lies there already, whatever the configuration says: with the kernel's own folders,
/// and the program in its image.
const TAKEN: [&str; 6] = [
    "/dev",
    CONFIG_FOLDER,
    "/proc",
    "/sys",
    "/usr/bin/sekisho",
    ACCOUNT_FOLDER,
];

impl Workload {
    /// Whether something may lie in the Pod at a path of the configuration. `more`: folders
    /// beside that which somebody else mounts.
    pub fn may_hold(&self, path: &Path, more: &[&str]) -> bool {
        let here = plain_path(&Path::new(CONFIG_FOLDER).join(path));
        let mut filled = FILLED_FOLDERS.iter().chain(more);
        here.starts_with(&self.data_dir)
            || here.starts_with(ACCOUNT_FOLDER)
            || filled.any(|name| here.starts_with(Path::new(CONFIG_FOLDER).join(name)))
    }
}

/// A path without `.` and `..`, as the system finds it where nothing is a link.
pub fn plain_path(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// Why no Pod could have a volume at this absolute path.
pub fn mount_problem(path: &str) -> Option<String> {
    let folder = path.strip_suffix('/').unwrap_or(path);
    let is_plain = plain_path(Path::new(folder)).to_str() == Some(folder);
    let is_odd = |letter: char| letter == ':' || letter.is_control();
    if folder.is_empty() || !is_plain || folder.contains(is_odd) {
        return Some("which no Pod can mount".to_owned());
    }
    let folder = Path::new(folder);
    let is_taken = |taken: &&str| folder.starts_with(taken) || Path::new(taken).starts_with(folder);
    let taken = TAKEN.into_iter().find(is_taken)?;
    Some(format!("which would hide {taken} in its Pod or lie in it"))
}
