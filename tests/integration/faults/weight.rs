//! What a process holds.

use std::fs;

/// What it may hold beyond what it held before: connections to its stores that were opened since,
/// contents in memory (256 MiB), and what its allocator keeps.
const MORE_DESCRIPTORS: usize = 24;
const MORE_MEMORY: u64 = (256 + 96) << 20;

/// What a process holds at one time.
#[derive(Clone, Copy, Debug)]
pub struct Weight {
    pub descriptors: usize,
    /// Resident memory, in bytes.
    pub memory: u64,
}

impl Weight {
    /// Of a process; root alone may count the descriptors of one that lets nobody look.
    pub fn of(process: u32) -> Self {
        let open = fs::read_dir(format!("/proc/{process}/fd"));
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.unwrap().trim().trim_end_matches(" kB");
        Self {
            descriptors: open.map_or(0, Iterator::count),
            memory: kib.parse::<u64>().unwrap() << 10,
        }
    }

    /// Whether it is about what was held before.
    pub fn is_about(&self, before: &Self) -> bool {
        self.descriptors <= before.descriptors + MORE_DESCRIPTORS
            && self.memory <= before.memory + MORE_MEMORY
    }
}
