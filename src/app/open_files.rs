//! How many files and connections the process may have open.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Takes all that the system grants: every connection, and every blob on its way,
/// is an open file. Where that is refused, what was granted before holds.
pub fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, "the limit of open files stays");
    }
}
