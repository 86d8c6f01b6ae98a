//! No secret in the file of a crash, and none for other processes to look up.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Forbids core files, and lets no other process of the same user trace this one or read its
/// memory. A limit alone is not enough: where a program takes cores, the kernel does not ask
/// it. What is refused stays as it was, since nothing depends on it.
pub fn forbid_core_dumps() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let limited = setrlimit(Resource::Core, none);
    let hidden = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if let Err(error) = limited.and(hidden) {
        tracing::debug!(%error, "core files stay allowed");
    }
}
