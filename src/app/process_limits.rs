//! What the process asks of the system for itself: how many files and connections it may
//! have open, and small pages.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit of open files to the hard limit, since each connection and each blob
/// in transfer is an open file. If that is refused, the old limit stays.
pub fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, "the limit of open files stays");
    }
}

/// Takes memory in small pages. The allocator asks for huge ones, of 2 MiB each, and touches
/// a little of many: an idle process took 15 MiB more. If that is refused, it takes them.
pub fn use_small_pages() {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "memory is taken in huge pages");
    }
}
