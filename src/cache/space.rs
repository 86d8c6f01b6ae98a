//! Disk space: the bound of the cache, what the file system must keep free, and what
//! running fills take of both.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::config::CacheOptions;
use super::eviction_rules::Usage;
use crate::trust::EnvironmentName;

/// Limits in bytes.
pub(super) struct Space {
    max_size: u64,
    min_free: u64,
    running: Arc<Running>,
}

/// The fills that run, by environment.
#[derive(Default)]
struct Running(Mutex<HashMap<EnvironmentName, RunningBytes>>);

#[derive(Clone, Copy, Default)]
struct RunningBytes {
    /// As their manifests declare them.
    declared: u64,
    /// For which there is room already.
    reserved: u64,
}

/// Room that is to be made, and the environment that it counts for: that for which the
/// fill was begun.
pub(super) struct WantedRoom {
    environment: EnvironmentName,
    bytes: u64,
}

/// What one fill takes, until dropped.
pub(super) struct Reservation {
    running: Arc<Running>,
    environment: EnvironmentName,
    own: RunningBytes,
}

impl Running {
    fn lock(&self) -> MutexGuard<'_, HashMap<EnvironmentName, RunningBytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Space {
    pub(super) fn new(config: &CacheOptions) -> Self {
        Self {
            max_size: config.max_size,
            min_free: config.min_free,
            running: Arc::default(),
        }
    }

    /// What can be stored at all, with `free` bytes of the disk left beside the
    /// `stored` ones.
    pub(super) fn capacity(&self, stored: u64, free: u64) -> u64 {
        let kept = stored.saturating_add(self.reserved());
        let disk = kept.saturating_add(free).saturating_sub(self.min_free);
        self.max_size.min(disk)
    }

    /// How many bytes must go so that `incoming` ones fit. Eviction leaves a
    /// tenth of the bound free, so that it runs seldom.
    pub(super) fn excess(&self, incoming: u64, stored: u64, free: u64) -> u64 {
        let wanted = stored
            .saturating_add(self.reserved())
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
            .saturating_add(self.reserved())
            .saturating_add(incoming);
        wanted <= self.max_size && self.min_free.saturating_add(incoming) <= free
    }

    /// Bytes that running fills have room for.
    fn reserved(&self) -> u64 {
        self.running.lock().values().map(|it| it.reserved).sum()
    }

    /// Bytes that the fills of an environment declare, and have no room for yet.
    pub(super) fn awaited(&self, environment: &EnvironmentName) -> u64 {
        let running = self.running.lock();
        let of = running.get(environment).copied().unwrap_or_default();
        of.declared.saturating_sub(of.reserved)
    }

    /// Adds what running fills have room for to what is stored.
    pub(super) fn add_running(&self, usage: &mut Usage) {
        for (environment, of) in &*self.running.lock() {
            *usage.entry(Some(environment.clone())).or_default() += of.reserved;
        }
    }

    /// Notes a fill of `declared` bytes, which has no room yet.
    pub(super) fn announce(&self, environment: &EnvironmentName, declared: u64) -> Reservation {
        self.take(
            environment,
            RunningBytes {
                declared,
                reserved: 0,
            },
        )
    }

    /// Reserves room that there is.
    pub(super) fn reserve(&self, wanted: WantedRoom) -> Reservation {
        let reserved = wanted.bytes;
        self.take(
            &wanted.environment,
            RunningBytes {
                declared: 0,
                reserved,
            },
        )
    }

    fn take(&self, environment: &EnvironmentName, own: RunningBytes) -> Reservation {
        let mut running = self.running.lock();
        let of = running.entry(environment.clone()).or_default();
        of.declared += own.declared;
        of.reserved += own.reserved;
        Reservation {
            running: self.running.clone(),
            environment: environment.clone(),
            own,
        }
    }
}

impl WantedRoom {
    pub(super) fn new(environment: &EnvironmentName, bytes: u64) -> Self {
        let environment = environment.clone();
        Self { environment, bytes }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Reservation {
    /// So many bytes more, for the same environment.
    pub(super) fn of_the_same(&self, bytes: u64) -> WantedRoom {
        WantedRoom::new(&self.environment, bytes)
    }

    /// Bytes that there is room for.
    pub(super) fn reserved(&self) -> u64 {
        self.own.reserved
    }

    /// Takes over what another one of the same environment holds.
    pub(super) fn absorb(&mut self, mut other: Self) {
        debug_assert_eq!(self.environment, other.environment);
        let taken = std::mem::take(&mut other.own);
        self.own.declared += taken.declared;
        self.own.reserved += taken.reserved;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut running = self.running.lock();
        if let Some(of) = running.get_mut(&self.environment) {
            of.declared -= self.own.declared;
            of.reserved -= self.own.reserved;
            if of.declared == 0 && of.reserved == 0 {
                running.remove(&self.environment);
            }
        }
    }
}

/// What the file system of `path` has free for us.
pub(super) fn free(path: &Path) -> io::Result<u64> {
    let status = rustix::fs::statvfs(path)?;
    Ok(status.f_bavail.saturating_mul(status.f_frsize))
}
