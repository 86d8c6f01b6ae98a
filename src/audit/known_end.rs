//! Where a log ended, as the ledger knows it.

use std::fs;
use std::path::{Path, absolute};

use super::chain::ChainEnd;
use crate::file_access::{behind_links, folder_of};

/// Where the ledger knows that a chain ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownEnd {
    pub end: ChainEnd,
    /// Machine and file, as [`log_place`] says it; `None`: an earlier version noted it.
    pub place: Option<String>,
    /// Whether `retention` has come to an end since for all of its files.
    pub may_be_removed: bool,
    /// Whether no `retention` removes anything of it.
    pub keeps_all: bool,
}

impl KnownEnd {
    pub(super) fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }
}

/// Machine and file of the log at `path`: by it the logs of replicas are told apart.
pub fn log_place(path: &Path) -> String {
    let path = behind_links(path);
    let folder = fs::canonicalize(folder_of(&path)).or_else(|_| absolute(folder_of(&path)));
    let file = folder.ok().zip(path.file_name());
    let file = file.map_or_else(|| path.clone(), |(folder, name)| folder.join(name));
    let machine = rustix::system::uname();
    let machine = machine.nodename().to_string_lossy();
    format!("{machine}:{}", file.display())
}
