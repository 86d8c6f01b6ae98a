//! What the profile of the program's container lets it ask of the kernel.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::docs::page::text;

/// What nothing that serves images needs, and attacks do.
const NEVER: [&str; 42] = [
    "acct",
    "add_key",
    "adjtimex",
    "bpf",
    "chroot",
    "clock_settime",
    "delete_module",
    "fanotify_init",
    "finit_module",
    "init_module",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "ioperm",
    "iopl",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "memfd_create",
    "mknod",
    "mknodat",
    "mount",
    "move_mount",
    "name_to_handle_at",
    "open_by_handle_at",
    "perf_event_open",
    "personality",
    "pidfd_getfd",
    "pivot_root",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "quotactl",
    "reboot",
    "request_key",
    "seccomp",
    "setns",
    "settimeofday",
    "swapon",
    "umount2",
    "unshare",
    "userfaultfd",
];

#[test]
fn the_profile_of_the_container_names_what_is_allowed_and_nothing_that_changes_the_machine() {
    let profile: Value = serde_json::from_str(&text("docker/seccomp.json")).unwrap();
    assert_eq!(profile["defaultAction"], "SCMP_ACT_ERRNO");
    let groups = profile["syscalls"].as_array().unwrap();
    let mut named = BTreeSet::new();
    for group in groups {
        assert_eq!(group["action"], "SCMP_ACT_ALLOW", "{group}");
        assert_eq!(group.get("args"), None, "{group}");
        for name in group["names"].as_array().unwrap() {
            assert!(named.insert(name.as_str().unwrap()), "{name} twice");
        }
    }
    for name in NEVER {
        assert!(!named.contains(name), "{name}");
    }
}
