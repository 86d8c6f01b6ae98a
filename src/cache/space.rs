//! Disk space: the bound of the cache, and what the file system must keep free.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::config::CacheOptions;
use super::counters::Counter;

/// Limits in bytes.
pub(super) struct Space {
    max_size: u64,
    min_free: u64,
    /// Bytes reserved by running fills.
    reserved: Arc<Counter>,
}

/// Disk space reserved for a fill until dropped.
pub(super) struct Reservation {
    promised: Arc<Counter>,
    size: u64,
}

impl Space {
    pub(super) fn new(config: &CacheOptions) -> Self {
        Self {
            max_size: config.max_size,
            min_free: config.min_free,
            reserved: Arc::default(),
        }
    }

    /// Whether `incoming` bytes could be stored if all else were evicted.
    pub(super) fn could_hold(&self, incoming: u64, stored: u64, free: u64) -> bool {
        let taken = self.reserved.get().saturating_add(incoming);
        let most = free.saturating_add(stored);
        taken <= self.max_size && self.min_free.saturating_add(incoming) <= most
    }

    /// How many bytes must go so that `incoming` ones fit. Eviction leaves a
    /// tenth of the bound free, so that it runs seldom.
    pub(super) fn excess(&self, incoming: u64, stored: u64, free: u64) -> u64 {
        let wanted = stored
            .saturating_add(self.reserved.get())
            .saturating_add(incoming);
        let over = if wanted > self.max_size {
            wanted - self.max_size / 10 * 9
        } else {
            0
        };
        let short = self.min_free.saturating_add(incoming).saturating_sub(free);
        over.max(short)
    }

    /// Whether `incoming` bytes fit now.
    pub(super) fn fits(&self, incoming: u64, stored: u64, free: u64) -> bool {
        let wanted = stored
            .saturating_add(self.reserved.get())
            .saturating_add(incoming);
        wanted <= self.max_size && self.min_free.saturating_add(incoming) <= free
    }

    pub(super) fn reserve(&self, size: u64) -> Reservation {
        self.reserved.add(size);
        Reservation {
            promised: self.reserved.clone(),
            size,
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.promised.sub(self.size);
    }
}

/// What the file system of `path` has free for us.
pub(super) fn free(path: &Path) -> io::Result<u64> {
    let status = rustix::fs::statvfs(path)?;
    Ok(status.f_bavail.saturating_mul(status.f_frsize))
}
